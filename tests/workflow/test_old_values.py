"""The old values of a change, which are assigned again where the new ones cannot be had for good."""

from dataclasses import replace
from typing import Any

import pytest

from tests import cast
from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import (
    NEW,
    OLD,
    TRUNKS,
    at_zoom,
    draft,
    lose_the_trunk,
    settle_in_time,
    to_change,
)
from tests.workflow.timing import carry_out_in_time, let_pass, provision_twice, states
from trunks.models import Line, Occasion, Topic, TrunkRequest, User
from trunks.workflow import estate, filing, provisioning
from trunks.workflow.provisioning import provision
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import NotEnrolled
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis


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


def have_zoom_keep_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Zoom keep 555 where it is sent the caller ID NEW."""
    real = ZoomClient.list_trunks

    def as_zoom_spells_it(*who: Any) -> list[Trunk]:
        rows = real(*who)
        return [
            replace(row, outbound_caller_id="555") if row.outbound_caller_id == NEW else row for row in rows
        ]

    monkeypatch.setattr(ZoomClient, "list_trunks", as_zoom_spells_it)
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))


def test_a_trunk_that_zoom_has_with_another_caller_id_is_not_called_lost(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)
    have_zoom_keep_another(monkeypatch)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("failed", ["different"])
    line = trunk_request.lines.get()
    assert f"Zoom shows the caller ID 555 for {dnis}, not {NEW}." in line.detail
    assert not line.without_trunk


def test_a_new_dnis_that_zoom_has_with_another_caller_id_does_not_bring_the_old_one_back_beside_it(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer had both, and the page said that the old values were assigned again; so it was after a retry."""
    new = zoom.trunk.prefix + "888"
    trunk_request = to_change(zoom, staff, supervisor, dnis, new)
    have_zoom_keep_another(monkeypatch)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("failed", ["different"])
    line = trunk_request.lines.get()
    assert line.detail == (
        f"Zoom shows the caller ID 555 for {new}, not {NEW}."
        f" {dnis} was removed before, and is not assigned again beside it."
    )
    assert (line.without_trunk, line.removing, line.hold) == (False, False, "")
    assert set(at_zoom(zoom)) == {new}
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    provision_twice(trunk_request)
    assert states(trunk_request) == ("failed", ["different"])
    assert set(at_zoom(zoom)) == {new}


def test_nor_does_what_zoom_shows_of_the_same_dnis_count_as_the_old_values(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They had no caller ID, which was taken for any; the page said that they were assigned again."""
    dnis = zoom.trunk.prefix + "777"
    provision(zoom.approved(staff, supervisor, dnis).pk)
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)
    have_zoom_keep_another(monkeypatch)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("failed", ["different"])
    assert "assigned again" not in trunk_request.lines.get().detail


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


def test_so_does_one_for_which_zoom_refuses_its_list(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm ended without a word, and the customer still had no trunk."""
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "778")
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never", times=4)
    carry_out_in_time(trunk_request)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    refuse_the_list(monkeypatch, after=0)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["refused"])
    assert trunk_request.lines.lost().exists()
