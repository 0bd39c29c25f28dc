"""The table of the sixteen operations: path, label, scopes, and the function that answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from trunks.sandbox import errors
from trunks.sandbox.exchange import Answer, Context, pattern
from trunks.sandbox.operations import (
    accounts,
    countries,
    internal_numbers,
    numbers,
    sip_trunks,
    trunk_settings,
)
from trunks.sandbox.world import World

Operation = Callable[[World, Context], Answer]
BASE = "/v2"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_SIP = ("sip_trunk:master",)
_ACCOUNTS = ("account:master", "account:write:master", "account:read:master")


@dataclass(frozen=True)
class Route:
    """One operation. Labels missing in Zoom's text are taken as Light, as its neighbours are."""

    method: str
    template: str
    operation: Operation
    granular: tuple[str, ...]
    classic: tuple[str, ...] = _SIP
    label: str = "Light"

    @property
    def path(self) -> re.Pattern[str]:
        """Return the compiled path."""
        return pattern(BASE + self.template)

    @property
    def name(self) -> str:
        """Return the operation's name, for the journal."""
        return self.operation.__name__


def _sip(*grants: str) -> tuple[str, ...]:
    return tuple(f"sip_connected_audio:{grant}" for grant in grants)


def _both(grant: str) -> tuple[str, ...]:
    return _sip(f"{grant}:master", f"{grant}:admin")


_ACCOUNT = "/accounts/{account_id}"
_TRUNK = f"{_ACCOUNT}/sip_trunk"
ROUTES = (
    Route(
        "GET",
        "/accounts",
        accounts.list_sub_accounts,
        ("account:read:list_sub_accounts:master",),
        _ACCOUNTS,
        "Medium",
    ),
    Route(
        "GET",
        _ACCOUNT,
        accounts.get_account,
        ("account:read:sub_account:master", "account:read:sub_account:admin"),
        ("account:master",),
    ),
    Route("GET", "/sip_trunk/numbers", numbers.list_master_numbers, _sip("read:numbers:master")),
    Route(
        "GET",
        f"{_TRUNK}/trunks",
        sip_trunks.list_trunks,
        _both("read:trunks"),
        ("sip_trunk:read:admin", *_SIP),
    ),
    Route("POST", f"{_TRUNK}/trunks", sip_trunks.assign_trunks, _sip("write:trunks:master")),
    Route("DELETE", f"{_TRUNK}/trunks/{{trunk_id}}", sip_trunks.delete_trunk, _sip("delete:trunks:master")),
    Route("GET", f"{_TRUNK}/settings", trunk_settings.get_settings, _both("read:settings")),
    Route("PATCH", f"{_TRUNK}/settings", trunk_settings.update_settings, _both("update:settings")),
    Route("POST", f"{_TRUNK}/numbers", numbers.assign_numbers, _sip("write:numbers:master")),
    Route("DELETE", f"{_TRUNK}/numbers", numbers.delete_all_numbers, _sip("delete:numbers:master")),
    Route("GET", f"{_TRUNK}/callout_countries", countries.list_countries, _both("read:callout_countries")),
    Route("POST", f"{_TRUNK}/callout_countries", countries.add_countries, _both("write:callout_countries")),
    Route(
        "DELETE",
        f"{_TRUNK}/callout_countries/{{country_id}}",
        countries.delete_country,
        _both("delete:callout_countries"),
    ),
    Route(
        "GET",
        f"{_TRUNK}/internal_numbers",
        internal_numbers.list_internal_numbers,
        _both("read:internal_numbers"),
    ),
    Route(
        "POST",
        f"{_TRUNK}/internal_numbers",
        internal_numbers.add_internal_numbers,
        _both("write:internal_numbers"),
    ),
    Route(
        "DELETE",
        f"{_TRUNK}/internal_numbers/{{number_id}}",
        internal_numbers.delete_internal_number,
        _both("delete:internal_numbers"),
    ),
)
_COMPILED = tuple((route, route.path) for route in ROUTES)


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route and the variables of a path; raises 404 for an unknown path, else 405."""
    allowed = []
    for route, expression in _COMPILED:
        match = expression.fullmatch(path)
        if match and route.method == method:
            return route, match.groupdict()
        if match:
            allowed.append(route.method)
    if allowed:
        raise not_allowed(method, allowed)
    raise errors.refusal(404, 2300, "This API endpoint is not recognized.")


def not_allowed(method: str, allowed: list[str]) -> errors.Refusal:
    """Return 405; the wording is a guess."""
    message = f"Request method '{method}' is not supported."
    return errors.refusal(405, 2300, message, Allow=", ".join(allowed))
