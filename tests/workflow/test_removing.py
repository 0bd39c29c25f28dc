"""Unassigning a trunk, and changing one: remove, then assign, and the old values again where that fails for good."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from tests import cast
from tests.together import together
from tests.workflow.conftest import Zoom
from tests.workflow.timing import carry_out_in_time, let_pass, provision_twice, states
from trunks import audit
from trunks.models import Line, ListedTrunk, Occasion, Topic, TrunkRequest, User
from trunks.workflow import drafts, errors, estate, filing, provisioning, rules, sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import NotEnrolled
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
OLD, NEW = "+14155550100", "+14155550199"
TRUNKS = "/sip_trunk/trunks"
ONE = "/sip_trunk/trunks/[^/]+$"


@pytest.fixture
def dnis(zoom: Zoom, staff: User, supervisor: User) -> str:
    """Return a DNIS that the sub account has, assigned by the portal with the caller ID OLD."""
    number = zoom.trunk.prefix + "777"
    provision(zoom.approved(staff, supervisor, number, caller_id=OLD).pk)
    assert zoom.assigned() == {number: 1}
    return number


def test_a_trunk_that_zoom_lists_without_an_id_is_not_removed(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    real = ZoomClient.list_trunks
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [replace(row, id="") for row in real(*who)])
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["different"])
    assert "without an id" in trunk_request.lines.get().detail


def draft(zoom: Zoom, kind: str, *lines: filing.LineDraft) -> filing.Draft:
    return filing.Draft(zoom.sub, kind, "Customer asked", "CHG-2", lines)


def to_unassign(zoom: Zoom, staff: User, supervisor: User, *dnis: str) -> TrunkRequest:
    lines = [filing.LineDraft(zoom.trunk, number) for number in dnis]
    return cast.approved(filing.file(draft(zoom, "unassign", *lines), actor=staff), supervisor)


def to_change(
    zoom: Zoom, staff: User, supervisor: User, current: str, dnis: str, caller_id: str = NEW
) -> TrunkRequest:
    line = filing.LineDraft(zoom.trunk, dnis, caller_id, current)
    return cast.approved(filing.file(draft(zoom, "change", line), actor=staff), supervisor)


def at_zoom(zoom: Zoom) -> dict[str, str]:
    """Return what the sub account has at Zoom, as DNIS to caller ID."""
    return {row.dnis: row.outbound_caller_id for row in zoom.sandbox.assigned(zoom.sub.zoom_id)}


def settle_in_time(trunk_request: TrunkRequest, looks: int = 2) -> None:
    for _ in range(looks):
        let_pass(trunk_request)
        settle(trunk_request.pk)


# --- unassign -------------------------------------------------------------------------------------------------------


def test_unassigning_removes_the_trunk_and_frees_the_dnis(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["unassigned"])
    assert zoom.assigned() == {}
    assert ListedTrunk.objects.get(dnis=dnis).gone_at
    assert not Line.objects.exclude(hold="").exists()
    assert not Line.objects.filter(removing=True).exists()
    filing.file(zoom.draft(dnis, sub=zoom.other_sub), actor=staff)


def test_the_trail_names_the_delete_by_the_id_of_the_sub_accounts_own_list(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    row = zoom.sandbox.assigned(zoom.sub.zoom_id)[0]
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    provision(trunk_request.pk)
    intended = audit.history(trunk_request).get(action="provisioning.intended")
    assert intended.after == {
        "call": f"DELETE /accounts/{zoom.sub.zoom_id}/sip_trunk/trunks/{row.id}",
        "dnis": dnis,
    }


@pytest.mark.parametrize("trunk_id", ["own", "master"])
@pytest.mark.parametrize("delete_unknown", ["404", "204", "400"])
def test_what_is_gone_already_needs_no_call(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, trunk_id: str, delete_unknown: str
) -> None:
    zoom.sandbox.switch("trunk_id", trunk_id)
    zoom.sandbox.switch("delete_unknown", delete_unknown)
    let_pass(TrunkRequest.objects.get())
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    zoom.in_console(dnis, None)
    provision_twice(trunk_request)
    assert states(trunk_request) == ("done", ["unassigned"])
    assert zoom.sandbox.calls_of("DELETE", TRUNKS) == []


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_a_single_list_that_is_short_does_not_end_a_removal_that_was_never_made(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said "It was gone already", or gave the customer a second trunk."""
    _short_once(zoom, staff, supervisor, dnis, kind, monkeypatch)


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_nor_does_it_without_a_quiet_period(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.QUIET_SECONDS = 0
    _short_once(zoom, staff, supervisor, dnis, kind, monkeypatch)


def _short_once(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_pass(TrunkRequest.objects.get())
    new = zoom.trunk.prefix + "778"
    trunk_request = (
        to_unassign(zoom, staff, supervisor, dnis)
        if kind == "unassign"
        else to_change(zoom, staff, supervisor, dnis, new)
    )
    real, short = ZoomClient.list_trunks, iter([True])
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [] if next(short, False) else real(*who))
    provision_twice(trunk_request)
    assert states(trunk_request)[0] == "done"
    assert at_zoom(zoom) == ({} if kind == "unassign" else {new: NEW})


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_nor_does_one_that_a_retry_finds_short(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Zoom has refused to remove yesterday was never removed either."""
    let_pass(TrunkRequest.objects.get())
    new = zoom.trunk.prefix + "778"
    trunk_request = (
        to_unassign(zoom, staff, supervisor, dnis)
        if kind == "unassign"
        else to_change(zoom, staff, supervisor, dnis, new)
    )
    zoom.sandbox.fault("html", method="DELETE", path=ONE, status=400, apply="never")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["refused"])
    let_pass(trunk_request)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    real, short = ZoomClient.list_trunks, iter([True])
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [] if next(short, False) else real(*who))
    provision_twice(trunk_request)
    assert states(trunk_request)[0] == "done"
    assert at_zoom(zoom) == ({} if kind == "unassign" else {new: NEW})


@pytest.mark.parametrize("delete_unknown", ["404", "204", "400"])
def test_what_somebody_else_removes_in_the_same_moment_is_removed(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    delete_unknown: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zoom.sandbox.switch("delete_unknown", delete_unknown)
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    where = "trunks.zoom.client.ZoomClient.unassign_trunk"
    zoom.before(monkeypatch, where, lambda: zoom.in_console(dnis, None))
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["unassigned"])


@pytest.mark.parametrize("apply", ["before", "never"])
@pytest.mark.parametrize("kind", ["drop", "503", "half_body"])
def test_a_removal_without_a_clear_answer_is_settled_by_the_list(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, kind: str, apply: str
) -> None:
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    zoom.sandbox.fault(kind, method="DELETE", path=ONE, apply=apply)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    settle_in_time(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["unassigned"])
    assert zoom.assigned() == {}
    assert len(zoom.sandbox.calls_of("DELETE", TRUNKS)) == (1 if apply == "before" else 2)


def test_a_removal_that_is_lost_three_times_ends_with_words_that_are_true(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    zoom.sandbox.fault("drop", method="DELETE", path=ONE, apply="never", times=3)
    for _ in range(3):
        provision(trunk_request.pk)
        settle_in_time(trunk_request)
    assert states(trunk_request) == ("failed", ["refused"])
    assert "Sent 3 times; Zoom's list never showed the effect." in trunk_request.lines.get().detail


def test_a_removal_that_zoom_accepts_and_does_not_do_ends_refused(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    zoom.sandbox.switch("list_delay", "600")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    settle_in_time(trunk_request, looks=3)
    assert states(trunk_request) == ("failed", ["refused"])
    assert not Line.objects.filter(removing=True).exists()


def test_two_rows_under_one_id_are_never_deleted_by_it(zoom: Zoom, staff: User, supervisor: User) -> None:
    zoom.sandbox.switch("trunk_id", "master")
    first, second = zoom.trunk.prefix + "771", zoom.trunk.prefix + "772"
    provision(zoom.approved(staff, supervisor, first, second).pk)
    trunk_request = to_unassign(zoom, staff, supervisor, first)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["different"])
    assert set(zoom.assigned()) == {first, second}


def test_what_is_not_assigned_cannot_be_unassigned(zoom: Zoom, staff: User) -> None:
    line = filing.LineDraft(zoom.trunk, zoom.trunk.prefix + "555")
    with pytest.raises(errors.Invalid, match="not among the trunks of"):
        filing.file(draft(zoom, "unassign", line), actor=staff)


def test_one_dnis_has_one_open_removal(
    zoom: Zoom, staff: User, second_staff: User, supervisor: User, dnis: str
) -> None:
    first = to_unassign(zoom, staff, supervisor, dnis)
    line = filing.LineDraft(zoom.trunk, dnis)
    with pytest.raises(errors.Invalid, match=first.reference):
        filing.file(draft(zoom, "unassign", line), actor=second_staff)


def test_a_withdrawn_removal_frees_the_way_for_the_next(
    zoom: Zoom, staff: User, second_staff: User, supervisor: User, dnis: str
) -> None:
    first = to_unassign(zoom, staff, supervisor, dnis)
    filing.withdraw(first, actor=staff, version=first.version)
    filing.file(draft(zoom, "unassign", filing.LineDraft(zoom.trunk, dnis)), actor=second_staff)


# --- change ---------------------------------------------------------------------------------------------------------


def test_a_change_of_the_dnis_removes_the_old_and_assigns_the_new(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert at_zoom(zoom) == {new: NEW}
    assert list(Line.objects.exclude(hold="").values_list("dnis", "hold")) == [(new, "assigned")]
    assert not Line.objects.filter(removing=True).exists()


def test_a_change_of_the_caller_id_keeps_the_dnis_and_its_hold(
    zoom: Zoom, staff: User, second_staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)

    def grab() -> None:
        with pytest.raises(errors.Invalid, match=trunk_request.reference):
            filing.file(zoom.draft(dnis, sub=zoom.other_sub), actor=second_staff)

    zoom.before(monkeypatch, "trunks.zoom.client.ZoomClient.assign_trunks", grab)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert at_zoom(zoom) == {dnis: NEW}
    assert Line.objects.exclude(hold="").get().trunk_request == trunk_request


@pytest.mark.parametrize("asked", ["777", "888"])
def test_the_present_dnis_may_be_left_out_where_the_list_leaves_no_doubt(
    zoom: Zoom, staff: User, dnis: str, asked: str
) -> None:
    line = filing.LineDraft(zoom.trunk, zoom.trunk.prefix + asked, NEW)
    ListedTrunk.objects.exclude(dnis=dnis).delete()
    trunk_request = filing.file(draft(zoom, "change", line), actor=staff)
    assert trunk_request.lines.get().current_dnis == dnis
    assert trunk_request.lines.get().current_caller_id == OLD


def test_a_change_that_could_mean_two_trunks_asks_which(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    provision(zoom.approved(staff, supervisor, zoom.trunk.prefix + "778").pk)
    line = filing.LineDraft(zoom.trunk, zoom.trunk.prefix + "888")
    with pytest.raises(errors.Invalid, match="the sub account has now"):
        filing.file(draft(zoom, "change", line), actor=staff)
    nothing = filing.LineDraft(None, zoom.trunk.prefix + "888")
    found = rules.problems(drafts.completed(draft(zoom, "change", nothing)))
    assert set(found) == {"lines-0-trunk", "lines-0-current_dnis"}


def test_a_change_that_changes_nothing_is_refused(zoom: Zoom, staff: User, dnis: str) -> None:
    line = filing.LineDraft(zoom.trunk, dnis, OLD.replace("+", "00"), dnis)
    with pytest.raises(errors.Invalid, match="Nothing would change"):
        filing.file(draft(zoom, "change", line), actor=staff)


def test_a_new_dnis_that_somebody_has_is_refused(
    zoom: Zoom, staff: User, second_staff: User, dnis: str
) -> None:
    taken = zoom.trunk.prefix + "888"
    other = filing.file(zoom.draft(taken, sub=zoom.other_sub), actor=second_staff)
    line = filing.LineDraft(zoom.trunk, taken, NEW, dnis)
    with pytest.raises(errors.Invalid, match=other.reference):
        filing.file(draft(zoom, "change", line), actor=staff)


def lose_the_trunk(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the new DNIS become impossible between the two steps: somebody else gets it at Zoom."""
    zoom.sandbox.switch("duplicate_dnis", "refuse")
    zoom.before_post(
        monkeypatch, lambda: zoom.in_console(zoom.trunk.prefix + "888", "", account=zoom.other_sub)
    )


def test_when_the_new_values_are_refused_the_old_ones_are_assigned_again(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    lose_the_trunk(zoom, monkeypatch)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["refused"])
    line = trunk_request.lines.get()
    assert at_zoom(zoom) == {dnis: OLD}
    assert "old values were assigned again" in line.detail
    assert "Invalid parameter" in line.detail
    assert (line.without_trunk, line.removing, line.hold) == (False, False, "")


def test_when_even_that_fails_it_is_said_that_the_customer_is_without_a_trunk(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    for _ in range(3):
        let_pass(trunk_request)
        provision(trunk_request.pk)
        assert trunk_request.lines.get().without_trunk
    assert states(trunk_request) == ("failed", ["refused"])
    assert at_zoom(zoom) == {}
    assert trunk_request.lines.get().without_trunk
    assert len(zoom.sandbox.calls_of("POST", TRUNKS)) == 5


def test_old_values_that_zoom_does_not_take_back_at_once_are_sent_again(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    """Zoom may keep a number from others a little longer than its list shows it."""
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never", times=2)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert "they are sent again" in trunk_request.waiting_for
    assert trunk_request.lines.get().without_trunk
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["refused"])
    line = trunk_request.lines.get()
    assert "The old values were assigned again." in line.detail
    assert not line.without_trunk
    assert at_zoom(zoom) == {dnis: OLD}
    assert not Occasion.objects.filter(topic=Topic.LOST).exists()


def test_a_trunk_that_zoom_has_with_another_caller_id_is_not_called_lost(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)
    real = ZoomClient.list_trunks

    def as_zoom_spells_it(*who: Any) -> list[Trunk]:
        rows = real(*who)
        return [
            replace(row, outbound_caller_id="555") if row.outbound_caller_id == NEW else row for row in rows
        ]

    monkeypatch.setattr(ZoomClient, "list_trunks", as_zoom_spells_it)
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=1)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["different"])
    line = trunk_request.lines.get()
    assert f"Zoom shows the caller ID 555 for {dnis}, not {NEW}." in line.detail
    assert not line.without_trunk


def test_a_retry_of_a_lost_change_begins_at_the_assignment(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    carry_out_in_time(trunk_request)
    zoom.put_trunk_back()
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    provision(trunk_request.pk)
    assert states(trunk_request)[0] == "done"
    assert at_zoom(zoom) == {new: NEW}
    assert not trunk_request.lines.get().without_trunk


@pytest.mark.parametrize("apply", ["before", "never"])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_change_survives_a_lost_answer_in_either_step(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, method: str, apply: str
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    zoom.sandbox.fault("drop", method=method, path=TRUNKS, apply=apply)
    for _ in range(3):
        provision(trunk_request.pk)
        settle_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["assigned"])
    assert at_zoom(zoom) == {new: NEW}
    assert zoom.sandbox.applications(zoom.sub.zoom_id, zoom.trunk.zoom_id, new) == 1


@pytest.mark.parametrize("where", ["unassign_trunk", "assign_trunks"])
def test_a_change_survives_a_killed_worker_in_either_step(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    zoom.die_at(monkeypatch, f"trunks.zoom.client.ZoomClient.{where}")
    with pytest.raises(zoom.Killed):
        provision(trunk_request.pk)
    let_pass(trunk_request)
    sweeping.sweep()
    for _ in range(2):
        settle_in_time(trunk_request)
        provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert at_zoom(zoom) == {new: NEW}


def test_a_change_that_has_begun_is_finished_although_its_trunk_is_gone_by_the_books(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, seconds=0.1)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    with pytest.raises(errors.Stale):
        filing.withdraw(trunk_request, actor=staff, version=trunk_request.version)
    zoom.trunk.gone_at = trunk_request.filed_at
    zoom.trunk.save()
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])


def in_the_end(trunk_request: TrunkRequest) -> None:
    """Have the portal try as often as it does by itself, and once more."""
    for _ in range(provisioning.HALFWAY_TRIES + 1):
        let_pass(trunk_request)
        provision(trunk_request.pk)


def test_a_sub_account_that_vanishes_after_the_removal_fails_with_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    zoom.before_post(monkeypatch, zoom.remove_account)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert trunk_request.lines.get().without_trunk, "the alarm does not wait for the end"
    in_the_end(trunk_request)
    assert states(trunk_request) == ("failed", ["not_sent"])
    line = trunk_request.lines.get()
    assert line.without_trunk
    assert line.detail.count("tracking id") == 2, "why not the new values, and why not the old ones"


def refuse_the_list(monkeypatch: pytest.MonkeyPatch, *, after: int) -> list[str]:
    """Have Zoom refuse its list after so many readings; return what ends that when it is emptied."""
    real, refusing, read = ZoomClient.list_trunks, ["yes"], [0]

    def list_trunks(client: ZoomClient, *who: Any) -> list[Trunk]:
        read[0] += 1
        if refusing and read[0] > after:
            raise NotEnrolled("Request failed because this account is not enrolled.", status=400, code=300)
        return real(client, *who)

    monkeypatch.setattr(ZoomClient, "list_trunks", list_trunks)
    return refusing


def test_a_list_that_zoom_refuses_halfway_is_read_again_and_the_change_goes_on(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(tries=provisioning.HALFWAY_TRIES)
    refusing = refuse_the_list(monkeypatch, after=2)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert list(Line.objects.lost()) == [trunk_request.lines.get()]
    refusing.clear()
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert not trunk_request.lines.get().without_trunk
    assert at_zoom(zoom) == {new: NEW}


def test_a_list_that_zoom_refuses_for_good_ends_a_change_with_what_it_has_restored_left_as_it_is(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [zoom.trunk.prefix + end for end in ("771", "772")]
    new = [zoom.trunk.prefix + end for end in ("881", "882")]
    provision(zoom.approved(staff, supervisor, *old, caller_id=OLD).pk)
    lines = [filing.LineDraft(zoom.trunk, after, NEW, before) for before, after in zip(old, new, strict=True)]
    trunk_request = cast.approved(filing.file(draft(zoom, "change", *lines), actor=staff), supervisor)
    zoom.sandbox.switch("duplicate_dnis", "refuse")
    zoom.before_post(monkeypatch, lambda: zoom.in_console(new[0], "", account=zoom.other_sub))
    # Both steps of the first line with the reading before, after and in vain; then the removal of the second.
    refuse_the_list(monkeypatch, after=8)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["refused", "not_sent"])
    in_the_end(trunk_request)
    assert states(trunk_request) == ("failed", ["refused", "not_sent"])
    kept, lost = trunk_request.lines.all()
    assert (kept.without_trunk, lost.without_trunk) == (False, True)
    assert "The old values were assigned again." in kept.detail
    assert at_zoom(zoom) == {old[0]: OLD}


def test_two_lines_of_a_change_are_done_one_after_the_other(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    old = [zoom.trunk.prefix + end for end in ("771", "772")]
    new = [zoom.trunk.prefix + end for end in ("881", "882")]
    provision(zoom.approved(staff, supervisor, *old, caller_id=OLD).pk)
    lines = [filing.LineDraft(zoom.trunk, after, NEW, before) for before, after in zip(old, new, strict=True)]
    trunk_request = cast.approved(filing.file(draft(zoom, "change", *lines), actor=staff), supervisor)
    before = len(zoom.sandbox.calls)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned", "assigned"])
    methods = [call.method for call in zoom.sandbox.calls[before:] if call.method != "GET"]
    assert methods == ["DELETE", "POST", "DELETE", "POST"]


def test_a_line_of_a_change_that_the_next_one_displaced_is_not_called_assigned(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    old = [zoom.trunk.prefix + end for end in ("771", "772")]
    new = [zoom.trunk.prefix + end for end in ("881", "882")]
    first = zoom.approved(staff, supervisor, *old, caller_id=OLD)
    provision(first.pk)
    let_pass(first)
    zoom.sandbox.switch("second_assignment", "replace")
    lines = [filing.LineDraft(zoom.trunk, after, NEW, before) for before, after in zip(old, new, strict=True)]
    trunk_request = cast.approved(filing.file(draft(zoom, "change", *lines), actor=staff), supervisor)
    provision_twice(trunk_request)
    assert states(trunk_request)[0] == "unconfirmed"
    assert "no longer shows a line" in trunk_request.waiting_for


def test_old_values_that_the_next_lines_displaced_are_not_called_assigned_again(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [zoom.trunk.prefix + end for end in ("771", "772")]
    new = [zoom.trunk.prefix + end for end in ("881", "882")]
    before = zoom.approved(staff, supervisor, *old, caller_id=OLD)
    provision(before.pk)
    let_pass(before)
    zoom.sandbox.switch("second_assignment", "replace")
    zoom.sandbox.switch("duplicate_dnis", "refuse")
    lines = [
        filing.LineDraft(zoom.trunk, after, NEW, present) for present, after in zip(old, new, strict=True)
    ]
    trunk_request = cast.approved(filing.file(draft(zoom, "change", *lines), actor=staff), supervisor)

    def somebody_takes_them() -> None:
        for number in new:
            zoom.in_console(number, "", account=zoom.other_sub)

    zoom.before_post(monkeypatch, somebody_takes_them)
    provision_twice(trunk_request)
    assert states(trunk_request)[0] == "unconfirmed"
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("failed", ["refused", "refused"])
    lost, kept = trunk_request.lines.all()
    assert (at_zoom(zoom), lost.without_trunk, kept.without_trunk) == ({old[1]: OLD}, True, False)
    assert "assigned again" not in lost.detail
    assert "The old values were assigned again." in kept.detail


# --- at the same time -----------------------------------------------------------------------------------------------


def test_two_changes_that_remove_the_same_trunks_crosswise_do_not_deadlock(
    zoom: Zoom, staff: User, second_staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = [zoom.trunk.prefix + end for end in ("771", "772")]
    provision(zoom.approved(staff, supervisor, *ours).pk)
    half_way = threading.Barrier(2)
    insert = Line.objects.bulk_create

    def slowly(lines: Sequence[Line]) -> None:
        """Insert one line after the other, and let the other request get as far in between."""
        for line in lines:
            insert([line])
            with contextlib.suppress(threading.BrokenBarrierError):
                half_way.wait(0.3)

    monkeypatch.setattr(Line.objects, "bulk_create", slowly)

    def change(user: User, first: str, second: str, *present: str) -> Callable[[], TrunkRequest]:
        new = [zoom.trunk.prefix + end for end in (first, second)]
        lines = [filing.LineDraft(zoom.trunk, dnis, "", old) for dnis, old in zip(new, present, strict=True)]
        return lambda: filing.file(draft(zoom, "change", *lines), actor=user)

    results = together(
        change(staff, "881", "882", *ours), change(second_staff, "883", "884", *reversed(ours))
    )
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["Invalid", "TrunkRequest"], results


# --- a list that shows again what it has shown as removed -------------------------------------------------------------


def lists(zoom: Zoom, monkeypatch: pytest.MonkeyPatch, *stale: int) -> None:
    """Have the readings of these numbers show what the first one showed, as a list that lags does."""
    real, shown = ZoomClient.list_trunks, list[list[Trunk]]()

    def list_trunks(client: ZoomClient, account_id: str) -> list[Trunk]:
        shown.append(real(client, account_id))
        return shown[0] if len(shown) in stale else shown[-1]

    monkeypatch.setattr(ZoomClient, "list_trunks", list_trunks)


@pytest.mark.parametrize("number", ["777", "888"])
@pytest.mark.parametrize("list_caller_id", ["yes", "no"])
def test_a_list_that_shows_again_what_was_removed_is_not_believed_before_the_new_values_are_sent(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    number: str,
    list_caller_id: str,
) -> None:
    settings.QUIET_SECONDS = 60
    zoom.sandbox.switch("list_caller_id", list_caller_id)
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + number)
    lists(zoom, monkeypatch, 3)  # the first finds it, the second has seen it removed
    provision(trunk_request.pk)
    if number == "777":
        assert states(trunk_request) == ("approved", ["not_sent"])
        assert "shows a trunk again" in trunk_request.waiting_for
        assert at_zoom(zoom) == {}
        let_pass(trunk_request)
        provision(trunk_request.pk)
    assert states(trunk_request)[0] == "done"
    assert at_zoom(zoom) == {zoom.trunk.prefix + number: NEW}


def test_a_list_that_shows_the_old_values_after_the_new_ones_were_accepted_is_read_again(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.QUIET_SECONDS = 60
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,) * 4)
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)
    lists(zoom, monkeypatch, 4, 5, 6, 7)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("done", ["assigned"])
    assert at_zoom(zoom) == {dnis: NEW}
    assert len(zoom.sandbox.calls_of("POST", TRUNKS)) == 2, "one of them made what is changed here"


def test_old_values_are_not_called_assigned_again_by_a_list_from_before_they_were_removed(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.QUIET_SECONDS = 60
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    lose_the_trunk(zoom, monkeypatch)
    lists(zoom, monkeypatch, 5)  # found, removed, not there yet, refused; and then what was removed
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["refused"])
    assert "old values were assigned again" in trunk_request.lines.get().detail
    assert at_zoom(zoom) == {dnis: OLD}


def test_a_retry_that_does_not_fit_any_more_keeps_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "778")
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never", times=4)
    carry_out_in_time(trunk_request)
    assert trunk_request.lines.lost().exists()
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    zoom.remove_trunk()
    estate.sync(zoom.master.pk)
    provision(trunk_request.pk)
    # Sent back it could be amended, and its lines with the alarm be gone, or be denied and forgotten.
    assert states(trunk_request) == ("failed", ["not_sent"])
    assert trunk_request.lines.lost().exists()


@pytest.mark.parametrize("where", ["sub", "other_sub"])
def test_a_dnis_that_another_request_holds_is_not_removed_to_change_its_caller_id(
    zoom: Zoom, staff: User, supervisor: User, where: str
) -> None:
    """Once removed it could not be held, and the change could go neither on nor back."""
    dnis = zoom.trunk.prefix + "777"
    other = filing.file(zoom.draft(dnis, sub=getattr(zoom, where)), actor=staff)
    if where == "other_sub":
        provision(cast.approved(other, supervisor).pk)
    zoom.in_console(dnis, OLD)
    assert estate.sync(zoom.master.pk)
    with pytest.raises(errors.Invalid, match=other.reference):
        filing.file(draft(zoom, "change", filing.LineDraft(zoom.trunk, dnis, NEW, dnis)), actor=staff)
    assert at_zoom(zoom) == {dnis: OLD}


def test_a_list_from_before_an_amendment_is_not_the_first_of_the_two(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is another now, and was approved again, perhaps weeks later."""
    let_pass(TrunkRequest.objects.get())
    new, third = f"{zoom.trunk.prefix}778", f"{zoom.trunk.prefix}779"
    change = to_change(zoom, staff, supervisor, dnis, new)
    real, short = ZoomClient.list_trunks, iter([True])
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [] if next(short, False) else real(*who))
    provision(change.pk)
    assert "one more look" in TrunkRequest.objects.get(pk=change.pk).waiting_for
    zoom.in_console(new, "", zoom.other_sub)
    assert estate.sync(zoom.master.pk)
    let_pass(change)
    provision(change.pk)
    assert states(change)[0] == "sent_back"
    line = filing.LineDraft(zoom.trunk, third, NEW, dnis)
    filing.amend(change, draft(zoom, "change", line), actor=staff, version=change.version)
    cast.approved(change, supervisor)
    short = iter([True])
    provision_twice(change)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {third: NEW}
