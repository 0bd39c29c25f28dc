"""Lines that Zoom refuses, or shows displaced by another: each ends as Zoom's list shows it, the others as well."""

from itertools import count
from typing import Any

import pytest

from tests.workflow import test_unconfirmed
from tests.workflow.conftest import Zoom
from tests.workflow.test_unconfirmed import TRUNKS, bad_in_the_middle, posts, settle_in_time
from tests.workflow.timing import states
from trunks.models import TrunkRequest, User
from trunks.workflow import reading
from trunks.workflow.provisioning import provision
from trunks.zoom.errors import ServerError, ZoomError
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
filed = test_unconfirmed.filed


def test_an_account_that_zoom_does_not_know_fails_the_request_with_zooms_words(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.remove_account()
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])
    line = filed.lines.get()
    assert "does not know this account" in line.detail
    assert "code 2001" in line.detail
    assert line.hold == ""


def test_an_account_that_vanishes_between_list_and_write_fails_the_request(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, zoom.remove_account)
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])


def test_one_line_that_zoom_refuses_ends_refused_with_the_reason(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])
    assert "Invalid parameter: sip_trunks." in filed.lines.get().detail
    assert posts(zoom) == 1


def test_a_refusal_that_cannot_be_checked_is_unconfirmed(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    zoom.sandbox.fault("500", method="GET", path=TRUNKS, skip=1)
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])


def test_one_bad_line_does_not_take_the_others_down(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"] * 3)
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("approved", ["not_sent"] * 3)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert set(zoom.assigned().values()) == {1}


def test_a_refusal_that_applied_the_good_lines_all_the_same_doubles_none(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    zoom.sandbox.switch("partial", "yes")
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert "Invalid parameter" in trunk_request.lines.all()[1].detail
    assert set(zoom.assigned().values()) == {1}


def test_lines_sent_one_by_one_go_on_after_one_is_unconfirmed(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "not_sent", "not_sent"])
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("approved", ["assigned", "not_sent", "not_sent"])
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert set(zoom.assigned().values()) == {1}


def test_two_dnis_on_one_trunk_where_the_second_replaces_the_first_do_not_chase_each_other(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("second_assignment", "replace")
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=3)
    assert states(trunk_request) == ("partial", ["refused", "assigned"])
    assert posts(zoom) == 1


def test_a_line_that_a_later_call_displaced_is_not_called_assigned(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("second_assignment", "replace")
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "refused", "assigned"])
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("partial", ["refused", "refused", "assigned"])
    assert list(zoom.assigned()) == [trunk_request.lines.all()[2].dnis]


@pytest.mark.parametrize("answer", ["clear", "lost"])
def test_a_line_that_was_there_already_and_is_displaced_by_another_is_not_called_there(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("second_assignment", "replace")
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    zoom.in_console(dnis[0], "")
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    if answer == "lost":
        zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    for _ in range(3):
        settle_in_time(trunk_request)
        provision(trunk_request.pk)
    state, lines = states(trunk_request)
    at_zoom = set(zoom.assigned())
    shown = {
        number for number, line in zip(dnis, lines, strict=True) if line in ("assigned", "already_there")
    }
    assert (state, shown) == ("partial", at_zoom)


def test_what_was_there_already_and_is_removed_in_the_console_meanwhile_is_not_sent(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    """Somebody has removed it on purpose, while another line of the request was unconfirmed."""
    there, other = (zoom.trunk.prefix + end for end in ("771", "772"))
    zoom.in_console(there, "")
    trunk_request = zoom.approved(staff, supervisor, there, other)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["already_there", "unknown"])
    zoom.in_console(there, None)
    settle_in_time(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["refused", "assigned"])
    assert "does not show it any more" in trunk_request.lines.all()[0].detail
    assert zoom.assigned() == {other: 1}


def test_a_list_that_only_seems_to_have_lost_a_line_costs_it_nothing(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    real, reads = reading.read_list, count(1)

    def lagging(*args: Any) -> list[Trunk]:
        rows = real(*args)
        return [] if next(reads) == 1 else rows

    monkeypatch.setattr("trunks.workflow.provisioning.read_list", lagging)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "refused", "unknown"])
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])


@pytest.mark.parametrize("failing", [ServerError("down"), None])
def test_the_last_look_at_all_lines_may_come_later(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, failing: ZoomError | None
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    real, reads = reading.read_list, count(1)

    def broken(*args: Any) -> list[Trunk]:
        if failing and next(reads) == 1:
            raise failing
        return real(*args)

    monkeypatch.setattr("trunks.workflow.provisioning.read_list", broken)
    provision(trunk_request.pk)
    if failing:
        assert states(trunk_request) == ("unconfirmed", ["unknown", "refused", "assigned"])
        assert "cannot be read" in trunk_request.waiting_for
        settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
