"""Giving up on what nobody could find out: by whom, when, and recorded as what it is."""

import pytest
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Hold, Line, TrunkRequest, User
from trunks.workflow import errors, policy, provisioning, reconcile
from trunks.workflow.provisioning import provision

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
TRUNKS = "/sip_trunk/trunks$"
WHY = "Zoom support cannot tell; ticket ZM-77"


@pytest.fixture
def unconfirmed(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return a request whose one line, 777, was sent, never answered and not applied; the quiet period is over."""
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    trunk_request.refresh_from_db()
    return trunk_request


def give_up(trunk_request: TrunkRequest, actor: User, comment: str = WHY) -> TrunkRequest:
    trunk_request.refresh_from_db()
    return reconcile.give_up(trunk_request, actor=actor, version=trunk_request.version, comment=comment)


def test_a_supervisor_gives_up_with_a_reason(unconfirmed: TrunkRequest, supervisor: User) -> None:
    give_up(unconfirmed, supervisor)
    assert states(unconfirmed) == ("failed", ["given_up"])
    assert unconfirmed.lines.get().hold == Hold.UNKNOWN
    event = list(audit.history(unconfirmed))[-1]
    assert (event.action, event.actor_id, event.comment) == ("request.given_up", supervisor.pk, WHY)
    assert event.after["lines"] == {unconfirmed.lines.get().dnis: "given_up"}


def test_lines_that_are_known_keep_their_outcome(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    zoom.in_console(dnis[0], "")
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    give_up(trunk_request, supervisor)
    assert states(trunk_request) == ("partial", ["already_there", "given_up"])
    assert [line.hold for line in trunk_request.lines.all()] == [Hold.ASSIGNED, Hold.UNKNOWN]
    trunk_request.refresh_from_db()
    answer = policy.may(supervisor, "retry", trunk_request)
    assert (answer.allowed, trunk_request.retryable_lines) == (False, 0)
    assert "nothing to try again" in answer.reason


def test_a_retry_of_others_leaves_the_given_up_line_alone(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User
) -> None:
    line = unconfirmed.lines.get()
    Line.objects.create(
        trunk_request=unconfirmed,
        master=zoom.master,
        position=2,
        trunk=zoom.trunk,
        prefix=line.prefix,
        dnis=zoom.trunk.prefix + "779",
        state="refused",
    )
    give_up(unconfirmed, supervisor)
    unconfirmed.refresh_from_db()
    assert unconfirmed.retryable_lines == 1
    provisioning.retry(unconfirmed, actor=supervisor, version=unconfirmed.version)
    assert states(unconfirmed) == ("approved", ["given_up", "not_sent"])
    # Its content is not what was approved, so it cannot go on; amending it would forget what was given up.
    provision(unconfirmed.pk)
    assert states(unconfirmed) == ("failed", ["given_up", "not_sent"])
    assert [line.hold for line in unconfirmed.lines.all()] == [Hold.UNKNOWN, Hold.NONE]


def test_nobody_gives_up_without_a_reason(unconfirmed: TrunkRequest, supervisor: User) -> None:
    with pytest.raises(errors.Invalid) as caught:
        give_up(unconfirmed, supervisor, comment=" ")
    assert list(caught.value.problems) == ["comment"]
    assert states(unconfirmed)[0] == "unconfirmed"


def test_the_requester_cannot_give_up_and_the_try_is_on_record(
    unconfirmed: TrunkRequest, staff: User, supervisor: User
) -> None:
    with pytest.raises(errors.Refused, match="Only a supervisor") as caught:
        give_up(unconfirmed, staff)
    assert caught.value.who == str(supervisor)
    assert list(audit.history(unconfirmed))[-1].action == "request.action_refused"


def test_nobody_gives_up_while_it_could_still_land(
    zoom: Zoom, staff: User, supervisor: User, settings: Settings
) -> None:
    settings.QUIET_SECONDS = 60
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    assert not trunk_request.could_still_land
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    assert "could still land" in policy.may(supervisor, "give_up", trunk_request).reason
    with pytest.raises(errors.Stale):
        give_up(trunk_request, supervisor)


def test_nobody_gives_up_on_what_is_known(unconfirmed: TrunkRequest, supervisor: User) -> None:
    unconfirmed.lines.update(state="assigned")
    assert "is known" in policy.may(supervisor, "give_up", unconfirmed).reason


@pytest.mark.parametrize("comment", ["x" * 2001, "Called Zoom\0, nothing there"])
def test_a_reason_that_cannot_be_kept_is_refused(
    unconfirmed: TrunkRequest, supervisor: User, comment: str
) -> None:
    with pytest.raises(errors.Invalid):
        reconcile.give_up(unconfirmed, actor=supervisor, version=unconfirmed.version, comment=comment)
    assert states(unconfirmed) == ("unconfirmed", ["unknown"])


def test_a_settled_request_cannot_be_given_up(trunk_request: TrunkRequest, supervisor: User) -> None:
    assert policy.may(supervisor, "give_up", trunk_request).by_state


def test_a_stale_page_gives_nothing_up(unconfirmed: TrunkRequest, supervisor: User) -> None:
    with pytest.raises(errors.Stale):
        reconcile.give_up(unconfirmed, actor=supervisor, version=unconfirmed.version - 1, comment=WHY)
    assert states(unconfirmed)[0] == "unconfirmed"


def test_a_worker_that_is_reading_meanwhile_changes_nothing_any_more(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before(
        monkeypatch,
        "trunks.zoom.client.ZoomClient.list_trunks",
        lambda: give_up(unconfirmed, supervisor),
    )
    reconcile.settle(unconfirmed.pk)
    assert states(unconfirmed) == ("failed", ["given_up"])
