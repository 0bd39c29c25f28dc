"""Changing a trunk: remove, then assign, each once, whatever is lost between the two."""

import contextlib
import threading
from collections.abc import Callable, Sequence

import pytest

from tests import cast
from tests.together import together
from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, OLD, TRUNKS, at_zoom, draft, settle_in_time, to_change
from tests.workflow.timing import let_pass, provision_twice, states
from trunks.models import Line, ListedTrunk, TrunkRequest, User
from trunks.workflow import drafts, errors, estate, filing, rules, sweeping
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis


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
    zoom: Zoom, staff: User, supervisor: User, dnis: str, where: str
) -> None:
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    zoom.lose_worker(trunk_request, f"trunks.zoom.client.ZoomClient.{where}")
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
