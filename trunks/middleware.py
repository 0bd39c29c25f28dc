"""What holds for every web request: where it comes from, whose clock it is told by, that nobody comes in unnamed."""

import codecs
import ipaddress
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import redirect, resolve_url
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme

from trunks import context
from trunks.models import Delegation, Role, User
from trunks.references import REFERENCE

Handler = Callable[[HttpRequest], HttpResponse]

BROWSER_COOKIE_AGE = 400 * 86400  # the longest that browsers keep one
USER_AGENT_LENGTH = 300  # the column of the audit event
COMPRESSED = ("text/", "application/json")
PERMISSIONS = ("camera", "microphone", "geolocation", "payment", "usb", "browsing-topics")
PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in PERMISSIONS)
SIGNED_OUT = (
    "You were signed out before this was sent, so nothing of it was done. Sign in, then send it again."
)
_OF_A_REQUEST = re.compile(f"/requests/{REFERENCE}/[a-z-]+/")
# Pages that decide for themselves who may see them: signing in, and what machines ask.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
OPEN_FOLDERS = ("/accounts/", "/invitation/", "/static/")

_LENGTH = re.compile(r"[0-9]{1,12}\Z")
_ADDRESS = re.compile(r"(localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?\Z")
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}\Z")


def request_context(get_response: Handler) -> Handler:
    """Bind who is calling from where for the audit trail and the log, and answer with the request's id."""

    def middleware(request: HttpRequest) -> HttpResponse:
        # Never the caller's own X-Request-ID: who chooses it could tie their deeds to those of others in the trail.
        here = context.Context(uuid.uuid4().hex, client_ip(request), _user_agent(request))
        # For the lines that Django writes when all this is over.
        request.META[context.REQUEST_ID] = here.request_id
        with context.bound(here):
            response = get_response(request)
        # It lists all pages that the address is not, and the request is one of a cycle: see `portal.drawing`.
        request.resolver_match = None
        response["X-Request-ID"] = here.request_id
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        return response

    return middleware


def compressed(get_response: Handler) -> Handler:
    """Send pages compressed to browsers that take it: a tenth of the bytes, and a table of fifty events is 80 KB.

    Django adds a random length to each, so that nobody learns a page's secrets from how small it becomes (BREACH). What
    is streamed goes out as it is: an export would be slower by it than its reader.
    """
    gzip = GZipMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not response.streaming and response.get("Content-Type", "").startswith(COMPRESSED):
            gzip.process_response(request, response)
        return response

    return middleware


def by_address(get_response: Handler) -> Handler:
    """Answer machines that ask what is open to them at an address, as probes and Prometheus do, and not by name.

    Only what needs no name, and no name but the portal's own: a page elsewhere whose name leads here (DNS rebinding)
    is refused as ever.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        host = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
        if request.path_info in OPEN_PATHS and _ADDRESS.match(host):
            request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        return get_response(request)

    return middleware


def bounded(get_response: Handler) -> Handler:
    """Refuse what is larger than any form of the portal, before it is read: a file, too, would fill the disk.

    Without a length nothing is read at all: that is how WSGI servers hand over a body that does not tell its own.
    Raises BadRequest for what names another encoding than UTF-8, in which all forms are sent: some of Python's know
    halves of characters, which no database takes, and some do not make text at all. So does a content type that is
    nonsense (`portal.handler`).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if getattr(request, "unreadable", False):
            raise BadRequest("Its content type cannot be read.")
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            raise BadRequest("It names another encoding than UTF-8.")
        told = request.META.get("CONTENT_LENGTH") or "0"
        if not _LENGTH.match(told) or int(told) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return HttpResponse(render_to_string("413.html"), status=413)
        return get_response(request)

    return middleware


def browser_mark(get_response: Handler) -> Handler:
    """Mark the browser by a cookie that only the portal can write, and bind the mark for who asks who was here."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info in OPEN_PATHS:
            return get_response(request)
        name = settings.BROWSER_COOKIE_NAME
        known = request.get_signed_cookie(name, default="", salt=name)
        mark = known or uuid.uuid4().hex
        with context.bound(replace(context.current(), browser=mark)):
            response = get_response(request)
        if not known:
            safe = {"httponly": True, "samesite": "Lax", "secure": settings.SESSION_COOKIE_SECURE}
            response.set_signed_cookie(name, mark, salt=name, max_age=BROWSER_COOKIE_AGE, **safe)
        return response

    return middleware


def time_zone(get_response: Handler) -> Handler:
    """Show times by the clock of the person: the cookie `tz` names the zone of the browser."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request.COOKIES.get("tz", ""))):
            return get_response(request)

    return middleware


def sign_in_required(get_response: Handler) -> Handler:
    """Send whoever is not signed in to the sign-in page, and whoever owes a second factor to set one up."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info in OPEN_PATHS:
            return get_response(request)  # without asking who it is: the answer must not need a database
        response = _turned_away(request) or get_response(request)
        if request.user.is_authenticated:
            # A page of the portal must not come back out of a cache on a shared machine after signing out.
            patch_cache_control(response, no_store=True, private=True)
            if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
                # Where a form was sent and the address is opened again: without this, an empty page.
                page = {"of_a_request": bool(_OF_A_REQUEST.fullmatch(request.path_info))}
                response.content = render_to_string("405.html", page, request=request).encode()
        return response

    return middleware


def client_ip(request: HttpRequest) -> str:
    """Return the address of the caller, or "" when there is none that can be trusted.

    With n trusted proxies it is the n-th from the right of X-Forwarded-For: everything to the left of that was written
    by the caller and would let them sign the audit trail with somebody else's address.
    """
    address = request.META.get("REMOTE_ADDR", "")
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    if 0 < proxies <= len(forwarded):
        address = forwarded[-proxies].strip() or address
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    # A server that listens on IPv6 as well is told ::ffff:192.0.2.1 of who comes by IPv4.
    return str(getattr(found, "ipv4_mapped", None) or found)[:45]


def _user_agent(request: HttpRequest) -> str:
    printable = (c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return "".join(printable)[:USER_AGENT_LENGTH]


def _zone(name: str) -> ZoneInfo | None:
    """Return the zone of that name; None, which is UTC here, for anything else a cookie may hold."""
    name = unquote(name)  # the page's script writes Europe%2FMadrid
    if not _ZONE.match(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; outside the database ("../x"); a folder ("Europe")
        return None


def _turned_away(request: HttpRequest) -> HttpResponse | None:
    if request.path_info.startswith(OPEN_FOLDERS):
        return None
    user = request.user
    if not isinstance(user, User):
        if request.method == "POST":
            messages.warning(request, SIGNED_OUT)
        return _elsewhere(request, redirect_to_login(_wanted(request)))
    if settings.REQUIRE_MFA and not is_mfa_enabled(user) and _owes_factor(user):
        messages.warning(request, _choice_of_factors())
        return _elsewhere(request, redirect("mfa_index"))
    return None


def _owes_factor(user: User) -> bool:
    """Say whether a role of the person needs a second factor, or that of the supervisor they stand in for."""
    if settings.REQUIRE_MFA & user.roles:
        return True
    given = Delegation.objects.in_force().filter(receiver=user)
    return Role.SUPERVISOR in settings.REQUIRE_MFA and given.exists()


def _choice_of_factors() -> str:
    kinds = (
        "an authenticator app or a passkey (security key)" if settings.PASSKEYS else "an authenticator app"
    )
    return f"Your role needs a second factor. Set up {kinds} to go on."


def _wanted(request: HttpRequest) -> str:
    """Return the page to come back to after signing in. It is opened by GET, so a form's own address is no use."""
    htmx: Any = getattr(request, "htmx", None)
    if htmx:
        with suppress(ValueError):  # it names what is no address
            return str(htmx.current_url_abs_path or resolve_url(settings.LOGIN_REDIRECT_URL))
        return resolve_url(settings.LOGIN_REDIRECT_URL)
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return _page_of_form(request) or resolve_url(settings.LOGIN_REDIRECT_URL)


def _page_of_form(request: HttpRequest) -> str:
    """Return the page that the form was on, as the browser tells it; nothing when that is not a page of the portal."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(page)
    return urlunsplit(("", "", parts.path, parts.query, ""))


def _elsewhere(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the redirect; for htmx as a header, because it would put the sign-in page into the middle of a page."""
    if not getattr(request, "htmx", None):
        return response
    return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
