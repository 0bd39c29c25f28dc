"""One HTTP exchange: the request out, the whole answer in, or an error that knows if anything was sent."""

import re
import ssl
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import requests
import urllib3
from requests import adapters
from requests.adapters import HTTPAdapter
from requests.utils import default_headers
from urllib3.util.ssl_ import create_urllib3_context

from trunks.zoom.deadline import Limit, PunctualPool, PunctualTlsPool, PunctualTlsSocket, time_limit
from trunks.zoom.errors import NoAnswer, NotSent

USER_AGENT = "sip-trunk-portal/0.1"
ANSWER_BYTES = 1_000_000
LIST_BYTES = 5_000_000

_HEADERS = {
    **default_headers(),
    "User-Agent": USER_AGENT,
    "Accept": "application/json",
    "Cache-Control": "no-cache",  # a list that a proxy has kept is older than what was written meanwhile
}
_NETWORK_ERRORS = (OSError, urllib3.exceptions.HTTPError)


def prepare(request: requests.Request) -> requests.PreparedRequest:
    """Return `request` as it goes out, with the headers that all have.

    Not by a session, which takes three times as long, to merge in what it has of cookies and of the environment: none.
    """
    request.headers = {**_HEADERS, **request.headers}
    return request.prepare()


@dataclass(frozen=True)
class Errand:
    """What a request is for: words for error messages, and whether it changes anything at Zoom."""

    doing: str
    write: bool = False


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `cut` says why `text` is not the whole body, and is empty when it is.

    `began` is when its headers had been read: see `Limit.answered`, and `Limit.busy` for `busy`.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    cut: str = ""
    began: float = 0.0
    busy: bool = False

    @property
    def tracking_id(self) -> str:
        """Zoom's id of this answer, which its support asks for; "" when there is none."""
        return clean(self.headers.get("x-zm-trackingid", ""))[:200]


@cache
def _trusting(bundle: str) -> ssl.SSLContext:
    """Return what makes TLS connections that trust the authorities of `bundle`, for all threads of the process.

    Reading them takes 20 ms, several times as long as all else that a call to Zoom costs the portal: once is enough.
    """
    context = create_urllib3_context()
    context.sslsocket_class = PunctualTlsSocket
    context.load_verify_locations(bundle)
    return context


class _PunctualAdapter(HTTPAdapter):
    """Makes `requests` use connections that know the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = _trusting(adapters.DEFAULT_CA_BUNDLE_PATH)
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": PunctualPool, "https": PunctualTlsPool}

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
        """Verify each certificate, whatever is asked for, by the authorities that the context knows already."""
        conn.cert_reqs = "CERT_REQUIRED"


class Wire:
    """What requests go out by: without cookies, proxies, netrc, retries or redirects; certificates are verified."""

    def __init__(self) -> None:
        # Room for one connection, as one thread uses it; the usual ten are ten puts into a queue, under a lock each.
        self._adapter = _PunctualAdapter(pool_maxsize=1, max_retries=0)

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def send(
        self,
        request: requests.PreparedRequest,
        errand: Errand,
        *,
        seconds: float,
        most: int = ANSWER_BYTES,
        hide: Iterable[str] = (),
    ) -> Answer:
        """Send once and return the answer, whatever its status; `most` caps the decoded body in bytes.

        A write gets a connection of its own: an idle one may just be closing at Zoom's end, and the reset
        that follows would leave open whether the write happened. Credentials in `hide` and in the request's
        own Authorization header are blotted out of whatever comes back. Raises NotSent or NoAnswer.
        """
        if errand.write:
            self._adapter.poolmanager.clear()
        outside = sys.exception()
        secrets = [*hide, *request.headers.get("Authorization", "").split(" ")[1:]]
        with time_limit(seconds) as limit:
            if limit.over:
                raise NotSent("the deadline was over before sending", doing=errand.doing)
            try:
                return self._exchange(request, limit, most, secrets)
            except _NETWORK_ERRORS as error:
                words = _blot(clean(str(_root(error, outside))), secrets)
                if limit.sent is False:
                    raise NotSent(words, doing=errand.doing) from error
                raise NoAnswer(words, doing=errand.doing, might_have_happened=errand.write) from error

    def _exchange(
        self, request: requests.PreparedRequest, limit: Limit, most: int, secrets: Iterable[str]
    ) -> Answer:
        left = limit.remaining()
        # Session.send() would look into redirects (reading their bodies without a limit), store cookies and
        # ask the environment for proxies, so the adapter is spoken to directly.
        response = self._adapter.send(request, stream=True, timeout=(left, left), verify=True, proxies={})
        with closing(response):
            body, cut = _body(response, most)
        text = _blot(clean(body.decode("utf-8-sig", "replace")), secrets)
        return Answer(response.status_code, response.headers, text, cut, limit.answered, limit.busy)


def _body(response: requests.Response, most: int) -> tuple[bytes, str]:
    """Return the body and why it is incomplete; the status has arrived by now and must not be lost."""
    body, outside = bytearray(), sys.exception()
    try:
        for piece in response.iter_content(65_536):
            body += piece
            if len(body) > most:
                return bytes(body[:most]), f"the answer is larger than {most:,} bytes"
    except _NETWORK_ERRORS as error:
        return bytes(body), f"the answer was cut: {clean(str(_root(error, outside)))}"
    return bytes(body), ""


def _root(error: BaseException, outside: BaseException | None) -> BaseException:
    """Return the innermost cause, whose words say the most and name no URL.

    `outside` is what the caller was handling already, which Python appends to the chain of causes.
    """
    inner = error.__cause__ or error.__context__
    return error if inner is None or inner is outside else _root(inner, outside)


def clean(text: str) -> str:
    """Replace what a database or an encoder would choke on: NUL and lone surrogates."""
    return re.sub("[\x00\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _blot(text: str, secrets: Iterable[str]) -> str:
    """Blot out secrets, also as JSON writes them when it escapes the slash of base64.

    What is shorter than eight characters stays: it is no secret, and the rest would become unreadable.
    """
    for secret in secrets:
        for form in (secret, secret.replace("/", "\\/")):
            text = text.replace(form, "[secret]") if len(form) >= 8 else text
    return text
