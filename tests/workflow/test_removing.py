"""Unassigning a trunk, and what the tests of changes share."""

from dataclasses import replace

import pytest
from pytest_django import Settings

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, provision_twice, states
from trunks import audit
from trunks.models import Line, ListedTrunk, TrunkRequest, User
from trunks.workflow import errors, estate, filing, provisioning
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient

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


def to_remove(zoom: Zoom, staff: User, supervisor: User, kind: str, current: str, dnis: str) -> TrunkRequest:
    """Return an approved request of `kind` that removes `current`; a change assigns `dnis` in its place."""
    if kind == "unassign":
        return to_unassign(zoom, staff, supervisor, current)
    return to_change(zoom, staff, supervisor, current, dnis)


def have_one_list_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Zoom's next list be empty by mistake."""
    real, short = ZoomClient.list_trunks, iter([True])
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [] if next(short, False) else real(*who))


def at_zoom(zoom: Zoom) -> dict[str, str]:
    """Return what the sub account has at Zoom, as DNIS to caller ID."""
    return {row.dnis: row.outbound_caller_id for row in zoom.sandbox.assigned(zoom.sub.zoom_id)}


def settle_in_time(trunk_request: TrunkRequest, looks: int = 2) -> None:
    for _ in range(looks):
        let_pass(trunk_request)
        settle(trunk_request.pk)


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
    trunk_request = to_remove(zoom, staff, supervisor, kind, dnis, new)
    have_one_list_empty(monkeypatch)
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
    trunk_request = to_remove(zoom, staff, supervisor, kind, dnis, new)
    zoom.sandbox.fault("html", method="DELETE", path=ONE, status=400, apply="never")
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("failed", ["refused"])
    let_pass(trunk_request)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    have_one_list_empty(monkeypatch)
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
    let_pass(TrunkRequest.objects.get())
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    where = "trunks.zoom.client.ZoomClient.unassign_trunk"
    zoom.before(monkeypatch, where, lambda: zoom.in_console(dnis, None))
    let_pass(TrunkRequest.objects.earliest("pk"))
    provision(trunk_request.pk)
    if delete_unknown != "204":
        settle_in_time(trunk_request, looks=1)  # it said no, so one list was not enough
    assert states(trunk_request) == ("done", ["unassigned"])


@pytest.mark.parametrize("apply", ["before", "never"])
@pytest.mark.parametrize("kind", ["drop", "503", "half_body"])
def test_a_removal_without_a_clear_answer_is_settled_by_the_list(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, kind: str, apply: str
) -> None:
    let_pass(TrunkRequest.objects.get())
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


def lose_the_trunk(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the new DNIS become impossible between the two steps: somebody else gets it at Zoom."""
    zoom.sandbox.switch("duplicate_dnis", "refuse")
    zoom.before_post(
        monkeypatch, lambda: zoom.in_console(zoom.trunk.prefix + "888", "", account=zoom.other_sub)
    )


def test_a_list_from_before_an_amendment_is_not_the_first_of_the_two(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is another now, and was approved again, perhaps weeks later."""
    let_pass(TrunkRequest.objects.get())
    new, third = f"{zoom.trunk.prefix}778", f"{zoom.trunk.prefix}779"
    change = to_change(zoom, staff, supervisor, dnis, new)
    have_one_list_empty(monkeypatch)
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
    have_one_list_empty(monkeypatch)
    provision_twice(change)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {third: NEW}
