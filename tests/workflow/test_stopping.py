"""The kill switch: one supervisor stops all writing to Zoom, and two start it again."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from tests import cast
from trunks.models import Role, User, WriteStop
from trunks.models.audit_event import AuditEvent
from trunks.workflow import errors, stopping

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
REASON = "Wrong trunks are being assigned"


@pytest.fixture
def stop(supervisor: User) -> WriteStop:
    return stopping.stop(actor=supervisor, reason=REASON)


def actions() -> list[str]:
    return list(audit_events().values_list("action", flat=True))


def audit_events() -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(action__startswith="writing.").order_by("id")


def test_a_supervisor_stops_with_a_reason_and_it_is_on_record(stop: WriteStop, supervisor: User) -> None:
    event = audit_events().get()
    assert (event.action, event.actor_id, event.comment) == ("writing.stopped", supervisor.pk, REASON)
    assert WriteStop.current() == stop
    assert stop.words == f"Writing to Zoom was stopped by Sam Supervisor: {REASON}"
    assert str(stop) == f"stop of writing {stop.pk}"


@pytest.mark.parametrize("who", ["staff", "manager", "administrator", "stranger"])
def test_nobody_else_can_stop_and_the_try_is_on_record(request: pytest.FixtureRequest, who: str) -> None:
    user = request.getfixturevalue(who)
    with pytest.raises(errors.Refused, match="Only a supervisor"):
        stopping.stop(actor=user, reason=REASON)
    assert WriteStop.current() is None
    event = audit_events().get()
    assert (event.action, event.actor_id) == ("writing.action_refused", user.pk)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 501, "a\x00b"])
def test_a_stop_needs_a_reason_that_can_be_read(supervisor: User, reason: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        stopping.stop(actor=supervisor, reason=reason)
    assert list(caught.value.problems) == ["reason"]
    assert not WriteStop.objects.exists()


def test_a_second_stop_says_who_was_first(stop: WriteStop, second_supervisor: User) -> None:
    with pytest.raises(errors.Stale, match=f"stopped by Sam Supervisor: {REASON}"):
        stopping.stop(actor=second_supervisor, reason="me too")
    assert WriteStop.objects.count() == 1


def test_two_supervisors_start_again(stop: WriteStop, supervisor: User, second_supervisor: User) -> None:
    stopping.ask_to_start(stop, actor=supervisor)
    assert WriteStop.current() == stop
    stopping.confirm_start(stop, actor=second_supervisor)
    assert WriteStop.current() is None
    assert actions() == ["writing.stopped", "writing.start_asked", "writing.started"]
    assert list(audit_events())[-1].after == {
        "asked_by": "Sam Supervisor",
        "confirmed_by": "Sue Supervisor",
    }


def test_the_same_person_cannot_start_alone_and_the_try_is_on_record(
    stop: WriteStop, supervisor: User
) -> None:
    stopping.ask_to_start(stop, actor=supervisor)
    with pytest.raises(errors.Refused, match="another supervisor confirms it"):
        stopping.confirm_start(stop, actor=supervisor)
    # With an old copy of the row in hand as well.
    with pytest.raises(errors.Stale, match="Sam Supervisor has asked"):
        stopping.confirm_start(WriteStop(pk=stop.pk), actor=supervisor)
    assert WriteStop.current() == stop
    assert actions()[-1] == "writing.action_refused"


def test_nobody_confirms_what_nobody_asked(stop: WriteStop, second_supervisor: User) -> None:
    with pytest.raises(errors.Stale, match="stopped by Sam Supervisor"):
        stopping.confirm_start(stop, actor=second_supervisor)
    assert WriteStop.current() == stop


def test_the_question_to_start_is_asked_once(
    stop: WriteStop, supervisor: User, second_supervisor: User
) -> None:
    stopping.ask_to_start(stop, actor=supervisor)
    with pytest.raises(errors.Stale, match="Sam Supervisor has asked for it to start again"):
        stopping.ask_to_start(stop, actor=second_supervisor)


def test_staff_can_neither_ask_nor_confirm_nor_decline(
    stop: WriteStop, supervisor: User, staff: User
) -> None:
    with pytest.raises(errors.Refused):
        stopping.ask_to_start(stop, actor=staff)
    stopping.ask_to_start(stop, actor=supervisor)
    with pytest.raises(errors.Refused):
        stopping.confirm_start(stop, actor=staff)
    with pytest.raises(errors.Refused):
        stopping.decline_to_start(stop, actor=staff, reason="no")
    assert WriteStop.current() == stop


def test_a_supervisor_who_disagrees_keeps_it_stopped(
    stop: WriteStop, supervisor: User, second_supervisor: User
) -> None:
    stopping.ask_to_start(stop, actor=supervisor)
    with pytest.raises(errors.Invalid):
        stopping.decline_to_start(stop, actor=second_supervisor, reason=" ")
    stopping.decline_to_start(stop, actor=second_supervisor, reason="Not understood yet")
    with pytest.raises(errors.Stale):
        stopping.confirm_start(stop, actor=second_supervisor)
    assert actions()[-1] == "writing.start_declined"
    stopping.ask_to_start(stop, actor=supervisor)
    stopping.confirm_start(stop, actor=second_supervisor)
    assert WriteStop.current() is None


def test_who_confirms_too_late_is_told(stop: WriteStop, supervisor: User, second_supervisor: User) -> None:
    stopping.ask_to_start(stop, actor=supervisor)
    stopping.confirm_start(stop, actor=second_supervisor)
    with pytest.raises(errors.Stale, match="started again already"):
        stopping.confirm_start(stop, actor=second_supervisor)


def test_who_stopped_does_not_confirm_the_start_that_another_asked_for(
    stop: WriteStop, supervisor: User, second_supervisor: User
) -> None:
    third = cast.person("Tom Third", Role.SUPERVISOR)
    stopping.ask_to_start(stop, actor=second_supervisor)
    with pytest.raises(errors.Refused, match="You stopped writing, so another supervisor") as caught:
        stopping.confirm_start(stop, actor=supervisor)
    assert caught.value.who == "Tom Third"
    # With an old copy of the row in hand as well.
    with pytest.raises(errors.Stale, match="Sue Supervisor has asked"):
        stopping.confirm_start(WriteStop(pk=stop.pk), actor=supervisor)
    assert WriteStop.current() == stop
    event = list(audit_events())[-1]
    assert (event.action, event.actor_id, event.outcome) == (
        "writing.action_refused",
        supervisor.pk,
        "refused",
    )
    assert event.after == {"action": "confirm", "reason": stopping.NOT_ONES_OWN}
    stopping.confirm_start(stop, actor=third)
    assert WriteStop.current() is None


def test_two_supervisors_alone_get_out_of_every_order_of_asking(
    stop: WriteStop, supervisor: User, second_supervisor: User
) -> None:
    assert stopping.dead_end(stop, supervisor) == ""
    assert "Let Sam Supervisor ask; then you can confirm." in stopping.dead_end(stop, second_supervisor)
    stopping.ask_to_start(stop, actor=second_supervisor)
    answer = stopping.may(supervisor, "confirm", stop)
    assert (answer.reason, answer.who) == (
        stopping.NOT_ONES_OWN,
        "nobody while Sue Supervisor is who asked: keep it stopped, ask yourself, and they can confirm",
    )
    stopping.decline_to_start(stop, actor=supervisor, reason="I ask, you confirm")
    stopping.ask_to_start(stop, actor=supervisor)
    stopping.confirm_start(stop, actor=second_supervisor)
    assert WriteStop.current() is None


def test_a_supervisor_without_a_second_is_told_who_could_help(stop: WriteStop, supervisor: User) -> None:
    assert "Nobody else is a supervisor" in stopping.dead_end(stop, supervisor)
    stopping.ask_to_start(stop, actor=supervisor)
    answer = stopping.may(supervisor, "confirm", stop)
    assert (answer.reason, answer.who) == (stopping.NOT_TWICE, stopping.NOBODY_YET)


@pytest.mark.parametrize(
    ("asked_by", "started_by"),
    [
        (None, None),
        ("second_supervisor", None),
        ("second_supervisor", "second_supervisor"),
        # Whoever stopped it lifts it, with another who asked.
        ("second_supervisor", "supervisor"),
    ],
)
def test_the_database_itself_demands_two_people_and_not_who_stopped(
    stop: WriteStop, request: pytest.FixtureRequest, asked_by: str | None, started_by: str | None
) -> None:
    named = {"start_asked_by": asked_by, "started_by": started_by}
    people = {name: request.getfixturevalue(who) for name, who in named.items() if who}
    with pytest.raises(IntegrityError), transaction.atomic():
        WriteStop.objects.filter(pk=stop.pk).update(in_force=False, **people)
    assert WriteStop.current() == stop


def test_two_who_stop_at_the_same_time_make_one_stop(
    supervisor: User, second_supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stopping._demand_reason

    def other_first(reason: str) -> None:
        monkeypatch.setattr(stopping, "_demand_reason", real)
        stopping.stop(actor=second_supervisor, reason="first")

    monkeypatch.setattr(stopping, "_demand_reason", other_first)
    with pytest.raises(errors.Stale, match="stopped by Sue Supervisor: first"):
        stopping.stop(actor=supervisor, reason="second")
    assert WriteStop.objects.count() == 1
