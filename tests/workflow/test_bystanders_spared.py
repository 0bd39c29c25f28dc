"""Trunks that only seem to be gone, or are gone for another reason: nobody is told of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F
from django.test import Client
from django.urls import reverse

from tests.outbox import deliver
from tests.workflow import test_bystanders, test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_bystanders import by_parts, hour_passes, look_again, told_of
from tests.workflow.test_removing import TRUNKS, to_unassign
from tests.workflow.test_short_lists import have_lists_lack
from tests.workflow.timing import let_pass, states
from trunks.models import Attempt, ListedTrunk, Occasion, Permit, SubAccount, Topic, TrunkRequest, User, clock
from trunks.workflow import bystanders, claims, reconcile
from trunks.workflow.provisioning import provision
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
asked = test_bystanders.asked
other = test_bystanders.other
dnis = test_removing.dnis


def test_a_list_that_only_seems_to_have_lost_it_costs_time_only(
    zoom: Zoom, other: str, asked: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ZoomClient.list_trunks
    lacking = [False, True]

    def one_list_lacks_it(client: ZoomClient, account_id: str) -> list[Trunk]:
        rows = real(client, account_id)
        lacks = bool(lacking) and lacking.pop(0)
        return [row for row in rows if row.dnis != other] if lacks else rows

    monkeypatch.setattr(ZoomClient, "list_trunks", one_list_lacks_it)
    provision(asked.pk)
    assert states(asked) == ("unconfirmed", ["assigned"])
    look_again(asked)
    assert states(asked) == ("done", ["assigned"])
    assert told_of(asked) == []
    assert ListedTrunk.objects.get(dnis=other).gone_at is None


def test_what_a_list_showed_a_moment_ago_is_not_believed_to_be_gone(
    zoom: Zoom, other: str, asked: TrunkRequest
) -> None:
    """Two lists lack it, but one between them had it: it may be the lists that differ."""
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    hour_passes(asked)
    ListedTrunk.objects.filter(dnis=other).update(last_seen_at=clock.now(), gone_at=None)
    reconcile.settle(asked.pk)
    assert states(asked) == ("unconfirmed", ["assigned"])
    assert told_of(asked) == []
    look_again(asked)
    assert states(asked) == ("done", ["assigned"])
    assert told_of(asked) == [[other]]


def test_a_clock_that_was_set_back_does_not_keep_the_request_waiting(
    zoom: Zoom, other: str, asked: TrunkRequest
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    hour_passes(asked)
    ListedTrunk.objects.filter(dnis=other).update(last_seen_at=clock.after(7200), gone_at=None)
    reconcile.settle(asked.pk)
    assert states(asked) == ("done", ["assigned"])
    assert told_of(asked) == [[other]]


def test_without_a_list_nothing_is_called_missing(
    zoom: Zoom, staff: User, supervisor: User, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sub account is gone before the rest of the lines is sent."""
    trunk_request = by_parts(zoom, staff, supervisor, monkeypatch, lambda: None)
    look_again(trunk_request)
    assert states(trunk_request) == ("approved", ["assigned", "not_sent"])
    zoom.remove_account()
    hour_passes(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused"])
    assert told_of(trunk_request) == []


def test_what_was_gone_before_the_call_is_not_told_of(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, other: str, asked: TrunkRequest
) -> None:
    removal = to_unassign(zoom, staff, supervisor, dnis)
    provision(removal.pk)
    assert ListedTrunk.objects.get(dnis=other).gone_at is None
    zoom.in_console(other, None)
    provision(asked.pk)
    assert states(asked) == ("done", ["assigned"])
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    lost = zoom.approved(staff, supervisor, zoom.trunk.prefix + "773")
    provision(lost.pk)
    look_again(lost)
    assert states(lost) == ("done", ["assigned"])
    assert told_of(lost) == told_of(asked) == []


def test_what_another_request_removes_meanwhile_is_not_told_of(
    zoom: Zoom, staff: User, supervisor: User, other: str, asked: TrunkRequest
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(asked.pk)
    let_pass(asked, 120)
    Attempt.objects.update(started_at=F("started_at") - timedelta(seconds=125))
    Permit.objects.update(issued_at=F("issued_at") - timedelta(seconds=130))
    TrunkRequest.objects.filter(pk=asked.pk).update(next_attempt_at=clock.after(600))
    removal = to_unassign(zoom, staff, supervisor, other)
    provision(removal.pk)
    assert states(removal) == ("done", ["unassigned"])
    look_again(asked)
    assert states(asked) == ("done", ["assigned"])
    assert told_of(asked) == []


def test_nothing_is_missing_after_a_call_that_was_never_made(asked: TrunkRequest) -> None:
    claim = claims.claim_approved(asked.pk)
    assert claim
    claim.saw({"18888100"})
    claim.saw(set())
    assert not bystanders.seem_gone(claim, list(asked.lines.all()))


def test_a_worker_that_has_lost_its_claim_tells_nobody(
    zoom: Zoom, other: str, asked: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    hour_passes(asked)
    where = "trunks.workflow.bystanders.tell"
    zoom.before(monkeypatch, where, lambda: TrunkRequest.objects.update(fence=F("fence") + 1))
    reconcile.settle(asked.pk)
    assert states(asked) == ("unconfirmed", ["assigned"])
    assert told_of(asked) == []
    assert not Occasion.objects.filter(topic=Topic.LOST).exists()


def test_nobody_is_written_to_when_it_is_there_again(
    zoom: Zoom, supervisor: User, other: str, asked: TrunkRequest
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    look_again(asked)
    ListedTrunk.objects.filter(dnis=other).update(gone_at=None)
    deliver()
    assert not any("are gone" in letter.subject for letter in mail.outbox)


def test_a_customer_who_has_left_misses_none(
    zoom: Zoom, client: Client, supervisor: User, other: str, asked: TrunkRequest
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    look_again(asked)
    SubAccount.objects.update(gone_at=clock.now())
    client.force_login(supervisor)
    assert 'id="displaced"' not in client.get(reverse("request_detail", args=[asked.pk])).content.decode()


def test_a_list_that_lacked_a_line_is_not_the_first_of_two_that_lack_another_trunk(
    zoom: Zoom, other: str, asked: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request kept one time for both: with the quiet period between them, the second list was believed alone."""
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(asked.pk)
    assert states(asked) == ("unconfirmed", ["unknown"])
    have_lists_lack(monkeypatch, asked.lines.get().dnis, other)
    look_again(asked)
    assert states(asked) == ("unconfirmed", ["unknown"])
    look_again(asked)
    assert states(asked) == ("unconfirmed", ["assigned"])
    look_again(asked)
    assert states(asked) == ("done", ["assigned"])
    assert told_of(asked) == []
