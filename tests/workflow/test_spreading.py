"""Whom an occasion concerns: those who can decide, the requester, the supervisors; never who did it."""

import pytest
from pytest_django import Settings

from tests import cast
from tests.outbox import deliver, silence, standing
from trunks import audit, dispatch
from trunks.actions import Action
from trunks.models import Notice, Occasion, Role, RoleGrant, State, Topic, TrunkRequest, User
from trunks.workflow import attention, filing, occasions, review, spreading

pytestmark = pytest.mark.sqlite


def told() -> list[str]:
    """Return who got a letter now, by name."""
    return [notice.user.name for letter in [deliver()] for notice in _newest(len(letter))]


def _newest(number: int) -> list[Notice]:
    return list(Notice.objects.exclude(sent_at=None).order_by("-id")[:number])[::-1]


def test_a_new_request_is_told_to_those_who_can_decide_and_to_nobody_else(
    estate: cast.Estate,
    supervisor: User,
    second_supervisor: User,
    manager: User,
    administrator: User,
    stranger: User,
    trunk_request: TrunkRequest,
) -> None:
    cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    assert told() == ["Sam Supervisor", "Sue Supervisor"]


def test_who_files_is_not_told_although_they_are_supervisor_too(
    estate: cast.Estate, superuser: User, supervisor: User
) -> None:
    filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=superuser)
    assert told() == ["Sam Supervisor"]


def test_being_a_superuser_brings_no_letter(trunk_request: TrunkRequest) -> None:
    cast.person("Sol Superuser", superuser=True)
    assert told() == []


def test_a_deactivated_person_gets_none(trunk_request: TrunkRequest, supervisor: User) -> None:
    User.objects.filter(pk=supervisor.pk).update(is_active=False)
    assert told() == []


def test_who_is_deactivated_between_is_spared(trunk_request: TrunkRequest, supervisor: User) -> None:
    spreading.spread(Occasion.objects.get().pk)
    User.objects.filter(pk=supervisor.pk).update(is_active=False)
    assert told() == []
    assert standing() == [("Sam Supervisor", "spared")]


@pytest.mark.parametrize("verb", ["approve", "deny", "send_back"])
def test_a_decision_is_told_to_the_requester_alone(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User, verb: str
) -> None:
    silence()
    getattr(review, verb)(trunk_request, actor=supervisor, version=1, comment="Because.")
    assert told() == ["Stella Staff"]


@pytest.fixture
def spreads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For which occasions a worker is rung."""
    rung: list[int] = []
    usual = dispatch.ring_now

    def ring_now(task: str, pk: int) -> bool:
        if task == dispatch.SPREAD:
            rung.append(pk)
        return usual(task, pk)

    monkeypatch.setattr(dispatch, "ring_now", ring_now)
    return rung


@pytest.mark.django_db(transaction=True)
def test_an_approval_waits_for_what_comes_of_it(
    trunk_request: TrunkRequest, supervisor: User, staff: User, spreads: list[int]
) -> None:
    spreading.spread_due()
    review.approve(trunk_request, actor=supervisor, version=1)
    assert spreads == []
    occasions.note(Action.PROVISIONING_SETTLED, trunk_request, actor=None)
    assert len(spreads) == 1
    spreading.spread(spreads[0])
    told = Notice.objects.filter(user=staff).order_by("pk")
    assert [notice.occasion.topic for notice in told] == [Topic.DECIDED, Topic.SETTLED]


@pytest.mark.django_db(transaction=True)
def test_an_approval_that_is_carried_out_later_is_told_at_once(
    settings: Settings, trunk_request: TrunkRequest, supervisor: User, spreads: list[int]
) -> None:
    settings.GRACE_SECONDS = 60
    review.approve(trunk_request, actor=supervisor, version=1)
    assert len(spreads) == 1


def test_what_other_requests_are_told_of_is_left_to_others(
    trunk_request: TrunkRequest, estate: cast.Estate, staff: User
) -> None:
    other = filing.file(cast.draft(estate.other_sub, estate.trunk, "18888321"), actor=staff)
    spreading.spread(Occasion.objects.get(trunk_request=other).pk)
    assert [one.trunk_request for one in Occasion.objects.unspread()] == [trunk_request]


def test_who_withdraws_their_own_request_is_not_told(trunk_request: TrunkRequest, staff: User) -> None:
    silence()
    filing.withdraw(trunk_request, actor=staff, version=1)
    assert told() == []


def test_an_approver_who_stops_it_is_told_of_to_the_requester(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    silence()
    filing.withdraw(trunk_request, actor=supervisor, version=2)
    assert told() == ["Stella Staff"]


def test_an_amended_request_is_told_of_again(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    assert told() == ["Sam Supervisor"]
    filing.amend(trunk_request, filing.draft_of(trunk_request), actor=staff, version=1)
    assert told() == ["Sam Supervisor"]


def test_what_nobody_can_find_out_is_told_to_the_requester_and_the_supervisors(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    silence()
    TrunkRequest.objects.update(state=State.UNCONFIRMED, changed_at=cast.LONG_AGO)
    attention.ask_people()
    assert told() == ["Stella Staff", "Sam Supervisor", "Sue Supervisor"]
    attention.ask_people()
    assert told() == []


def test_a_requester_who_is_supervisor_too_gets_one_letter(estate: cast.Estate, superuser: User) -> None:
    filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=superuser)
    silence()
    TrunkRequest.objects.update(state=State.UNCONFIRMED, changed_at=cast.LONG_AGO)
    attention.ask_people()
    assert told() == ["Sol Superuser"]


def test_what_is_the_portals_own_is_told_to_administrators_of_all_masters(
    estate: cast.Estate, administrator: User, supervisor: User
) -> None:
    cast.person("Olga Other", Role.ADMINISTRATOR, master=estate.foreign_master)
    facts = {"subject": "Something is wrong", "text": "Look at it.", "url": "http://127.0.0.1:8000/masters/"}
    assert occasions.note_once(Topic.TROUBLE, None, "trouble:1", facts)
    assert not occasions.note_once(Topic.TROUBLE, None, "trouble:1", facts)
    [letter] = deliver()
    assert (letter.to, letter.subject) == ([administrator.email], "Something is wrong")
    assert "Look at it." in letter.body


def test_a_request_that_was_decided_before_the_letters_were_made_is_told_to_nobody(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    filing.withdraw(trunk_request, actor=staff, version=1)
    assert told() == []


def test_who_lost_the_role_is_spared(trunk_request: TrunkRequest, supervisor: User) -> None:
    spreading.spread(Occasion.objects.get().pk)
    RoleGrant.objects.filter(user=supervisor).delete()
    assert told() == []
    notice = Notice.objects.get()
    assert (notice.sending, notice.problem) == (
        "spared",
        "The person has no role for the master account any more.",
    )


def test_who_can_no_longer_decide_is_spared(trunk_request: TrunkRequest, supervisor: User) -> None:
    spreading.spread(Occasion.objects.get().pk)
    RoleGrant.objects.filter(user=supervisor).update(role=Role.MANAGER)
    assert told() == []
    assert Notice.objects.get().problem == "The person cannot decide on it any more."


def test_a_request_that_was_decided_meanwhile_brings_no_letter_to_others(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    spreading.spread(Occasion.objects.get().pk)
    cast.approved(trunk_request, supervisor)
    assert told() == ["Stella Staff"]
    assert standing()[:2] == [("Sam Supervisor", "spared"), ("Sue Supervisor", "spared")]


def test_the_history_of_the_request_is_not_filled_with_ordinary_letters(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    deliver()
    assert [event.action for event in audit.history(trunk_request)] == ["request.filed"]


def test_what_was_decided_meanwhile_is_escalated_to_nobody(
    trunk_request: TrunkRequest, staff: User, manager: User
) -> None:
    assert occasions.note_once(Topic.ESCALATED, trunk_request, "escalated", {})
    filing.withdraw(trunk_request, actor=staff, version=1)
    assert told() == []
