"""Requests with so many lines, of customers with so many trunks, that one task could not carry them out."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from portal import celery_settings
from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, at_zoom, draft
from tests.workflow.timing import states
from trunks import audit
from trunks.actions import Action
from trunks.models import RatePlan, TrunkRequest, User
from trunks.models.choices import MAX_LINES
from trunks.models.rate_budget import RATES, SHARE
from trunks.workflow import claims, estate, filing
from trunks.workflow.provisioning import NEXT_SPELL, SPELL_SECONDS, provision
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
# 5,000 trunks, 30 on a page, all of them read twice, with the limit of the plan Pro.
LONG = 2 * 5000 / 30 / (RATES[RatePlan.PRO]["light"] * SHARE)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have each reading of Zoom's list take LONG by the worker's clock; return a list with what that is ahead."""
    ahead, real = [0.0], ZoomClient.list_trunks

    def read(*who: Any) -> list[Trunk]:
        ahead[0] += LONG
        return real(*who)

    monkeypatch.setattr(ZoomClient, "list_trunks", read)
    monkeypatch.setattr(claims, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0]))
    return ahead


def to_change(zoom: Zoom, staff: User, supervisor: User, lines: int) -> TrunkRequest:
    olds, news = ([f"{zoom.trunk.prefix}{digit}{end:02}" for end in range(lines)] for digit in "12")
    for old in olds:
        zoom.in_console(old, "")
    assert estate.sync(zoom.master.pk)
    asked = [filing.LineDraft(zoom.trunk, new, NEW, old) for old, new in zip(olds, news, strict=True)]
    return cast.approved(filing.file(draft(zoom, "change", *asked), actor=staff), supervisor)


def test_a_change_of_many_lines_is_carried_out_in_spells_that_end_between_two_lines(
    zoom: Zoom, staff: User, supervisor: User, slow: list[float]
) -> None:
    """It took one task longer than a task may take: the worker was killed, and a customer left halfway."""
    trunk_request, spells = to_change(zoom, staff, supervisor, MAX_LINES), list[float]()
    slow[0] = 0.0
    while not spells or states(trunk_request)[0] == "approved":
        begun = slow[0]
        provision(trunk_request.pk)
        spells.append(slow[0] - begun)
        assert len(at_zoom(zoom)) == MAX_LINES, "no customer is without a trunk between two spells"
    assert states(trunk_request) == ("done", ["assigned"] * MAX_LINES)
    assert set(zoom.assigned().values()) == {1}
    assert sum(spells) > celery_settings.task_time_limit
    assert max(spells) < SPELL_SECONDS + 5 * LONG < celery_settings.task_time_limit / 4
    released = audit.history(trunk_request).filter(action=Action.PROVISIONING_RELEASED)
    assert set(released.values_list("comment", flat=True)) == {NEXT_SPELL}


def test_the_next_spell_is_due_at_once_and_counts_as_no_failure(
    zoom: Zoom, staff: User, supervisor: User, slow: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.provisioning.SPELL_SECONDS", LONG)
    trunk_request = to_change(zoom, staff, supervisor, 2)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["assigned", "not_sent"])
    assert (trunk_request.next_attempt_at, trunk_request.tries) == (None, 0)
    assert trunk_request.waiting_for == NEXT_SPELL
