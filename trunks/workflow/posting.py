"""Posting to an address that people have typed in, and nowhere that they must not reach through the portal."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from django.conf import settings

from trunks.zoom.deadline import time_limit
from trunks.zoom.errors import NoAnswer, NotSent, ZoomError
from trunks.zoom.wire import Errand, Wire

SECONDS = 10.0
ANSWER_BYTES = 10_000
ANSWER_SHOWN = 1000
DOING = "delivering a webhook"
NO_ADDRESS = "This is not a web address."
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Of IPv6 nothing else is given out. Python calls public what is none yet, or was once: fec0::/10, ::127.0.0.1.
GIVEN_OUT = ipaddress.ip_network("2000::/3")
# Public to some versions of Python only; one of the first is where a cloud keeps its machines' credentials.
SPECIAL = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("3fff::/20"))


class Forbidden(OSError):
    """The name leads to an address that webhooks may not reach."""


class NotDelivered(Exception):
    """No whole answer came back; the words say why."""


@dataclass(frozen=True)
class Reply:
    """What the other side answered."""

    status: int
    text: str

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Post `body` once, within ten seconds, without redirects or proxies. Raises NotDelivered."""
    try:
        prepared = requests.Request("POST", url, data=body, headers=dict(headers)).prepare()
    except (requests.RequestException, ValueError) as error:
        raise NotDelivered(NO_ADDRESS) from error
    wire = Wire()
    # The address is judged when it is connected to: a name can lead elsewhere each time it is looked up.
    allow = None if settings.WEBHOOK_ALLOW_PRIVATE else check
    try:
        with time_limit(SECONDS, allow=allow):
            errand = Errand(DOING, write=True)
            answer = wire.send(prepared, errand, seconds=SECONDS, most=ANSWER_BYTES)
    except ZoomError as error:
        raise NotDelivered(_words(error)) from error
    finally:
        wire.close()
    return Reply(answer.status, answer.text[:ANSWER_SHOWN])


def check(address: str) -> None:
    """Raise Forbidden for an address that is not a public one."""
    if not is_public(ipaddress.ip_address(address.partition("%")[0])):
        raise Forbidden(f"{address} is not a public address; WEBHOOK_ALLOW_PRIVATE would allow it")


def is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address, and the IPv4 address that an IPv6 one may carry, belongs to the public internet."""
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if carried is not None and not is_public(carried):
            return False
        if ip not in GIVEN_OUT and carried is None:
            return False
    if any(ip in network for network in SPECIAL):
        return False
    return ip.is_global and not ip.is_multicast


def url_problem(url: str) -> str:
    """Return why `url` cannot be a webhook's, or "". Where its name leads is judged anew at each delivery."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return NO_ADDRESS
    if not host or port == 0 or not url.isprintable() or " " in url:
        return NO_ADDRESS
    if parts.username or parts.password or parts.fragment:
        return "It must hold no credentials and no fragment."
    local = settings.WEBHOOK_ALLOW_PRIVATE and host in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return "It must begin with https://."
    try:
        # What is sent is stricter than what is parsed, with names of hosts above all.
        requests.Request("POST", url).prepare()
    except (requests.RequestException, ValueError):
        return NO_ADDRESS
    return _literal_problem(host)


def _words(error: ZoomError) -> str:
    """Return the error in words that speak of the receiver, whom the wire for Zoom takes for Zoom."""
    said = {NotSent: "It could not be reached", NoAnswer: "It did not answer"}
    words = said.get(type(error), "Its answer cannot be understood")
    return str(error).replace(f"{DOING}: {error.summary}", words, 1)


def _literal_problem(host: str) -> str:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if settings.WEBHOOK_ALLOW_PRIVATE or is_public(ip):
        return ""
    return "Private, loopback and link-local addresses are refused."
