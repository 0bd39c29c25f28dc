"""Rate limits, by account and label."""

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.sandbox.callers import account_named
from tests.sandbox.conftest import Connect
from trunks.sandbox.clock import Clock
from trunks.sandbox.errors import Refusal
from trunks.sandbox.estate import CONTOSO, NO_SIP_SCOPE, NORTHWIND, demo_estate
from trunks.sandbox.limits import PER_SECOND, Limits, next_midnight
from trunks.sandbox.records import Account
from trunks.sandbox.server import Sandbox


@pytest.fixture
def limited(stack: ExitStack) -> Sandbox:
    """The demo estate with rate limits, as the command starts it."""
    return stack.enter_context(Sandbox())


class StandingClock(Clock):
    """A clock that moves only when pushed."""

    def __init__(self) -> None:
        """Begin at zero."""
        super().__init__()
        self._time = 0.0

    def advance(self, seconds: float) -> None:
        """Move."""
        super().advance(seconds)
        self._time += seconds

    def monotonic(self) -> float:
        """Return how far it was pushed."""
        return self._time


def passed(limits: Limits, label: str, tries: int, plan: str = "pro", daily: int = 0) -> int:
    """Return how many of so many calls are let through."""
    account = demo_estate().accounts[NORTHWIND.account_id]
    account.rate_plan, account.daily_limit = plan, daily
    return [_status(limits, account, label) for _ in range(tries)].count(200)


def _status(limits: Limits, account: Account, label: str) -> int:
    try:
        limits.take(account, label)
    except Refusal as refused:
        return refused.status
    return 200


@pytest.mark.parametrize("label", ["Light", "Medium"])
@pytest.mark.parametrize("plan", list(PER_SECOND))
def test_exactly_the_limit_passes_in_a_second(plan: str, label: str) -> None:
    assert passed(Limits(StandingClock()), label, 100, plan) == PER_SECOND[plan][label]


def test_the_second_slides() -> None:
    clock = StandingClock()
    limits = Limits(clock)
    assert passed(limits, "Light", 10) == 10
    clock.advance(0.5)
    assert passed(limits, "Light", 30) == 20
    clock.advance(0.25)
    assert passed(limits, "Light", 30) == 0
    clock.advance(0.25)
    assert passed(limits, "Light", 30) == 10


def test_the_day_ends_at_midnight_utc() -> None:
    clock = StandingClock()
    limits = Limits(clock)
    assert passed(limits, "Light", 10, daily=7) == 7
    clock.advance((next_midnight(clock.now()) - clock.now()).total_seconds() + 1)
    assert passed(limits, "Light", 10, daily=7) == 7


def test_labels_are_counted_apart() -> None:
    limits = Limits(StandingClock())
    assert (passed(limits, "Light", 99), passed(limits, "Medium", 99)) == (30, 20)


def test_all_apps_of_an_account_share_its_limit_and_other_accounts_have_their_own(
    limited: Sandbox, connect: Connect
) -> None:
    first, second, contoso = (connect(known, limited) for known in (NORTHWIND, NO_SIP_SCOPE, CONTOSO))
    limited.estate.accounts[NORTHWIND.account_id].rate_plan = "free"
    statuses = Counter((first if n % 2 else second).get("/accounts/me").status_code for n in range(8))
    assert statuses[429] >= 1
    assert contoso.get("/accounts/me").status_code == 200


def test_calls_about_a_sub_account_count_for_the_master(limited: Sandbox, connect: Connect) -> None:
    caller = connect(other=limited)
    limited.estate.accounts[NORTHWIND.account_id].daily_limit = 2
    for name in ("Fourth Coffee", "Relecloud"):
        assert caller.get(f"/accounts/{account_named(limited, name)}").status_code == 200
    assert caller.get("/accounts/me").status_code == 429


def test_the_per_second_refusal_has_the_documented_headers_and_no_retry_after(
    limited: Sandbox, connect: Connect
) -> None:
    caller = connect(other=limited)
    limited.estate.accounts[NORTHWIND.account_id].rate_plan = "free"
    refused = next(
        answer for answer in (caller.get("/accounts") for _ in range(9)) if answer.status_code == 429
    )
    shown = {name: value for name, value in refused.headers.items() if name.startswith("X-RateLimit")}
    assert shown == {
        "X-RateLimit-Category": "Medium",
        "X-RateLimit-Type": "QPS",
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "0",
    }
    assert "Retry-After" not in refused.headers


def test_the_daily_refusal_names_the_instant_of_the_next_midnight(limited: Sandbox, connect: Connect) -> None:
    caller = connect(other=limited)
    limited.estate.accounts[NORTHWIND.account_id].daily_limit = 1
    caller.get("/accounts")
    refused = caller.get("/accounts")
    until = datetime.strptime(refused.headers["Retry-After"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert refused.headers["X-RateLimit-Type"] == "Daily-limit"
    assert (until.hour, until.minute, until.second) == (0, 0, 0)
    assert until > datetime.now(UTC)


def test_without_rate_limits_everything_passes() -> None:
    assert passed(Limits(StandingClock(), enabled=False), "Light", 500) == 500
