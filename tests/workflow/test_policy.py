"""Who may do what, and why not, for every state and everybody in the cast."""

from collections.abc import Callable

import pytest

from tests import cast
from trunks import audit
from trunks.actions import Action
from trunks.models import LineState, Role, RoleGrant, State, TrunkRequest, User
from trunks.workflow import deciders, filing, policy

pytestmark = pytest.mark.sqlite

PEOPLE = ["staff", "second_staff", "supervisor", "manager", "administrator", "stranger", "other_staff"]
VERBS = [
    "approve",
    "deny",
    "send_back",
    "revalidate",
    "take_back",
    "withdraw",
    "amend",
    "retry",
    "check",
    "give_up",
    "end_alarm",
    "end_displaced",
]
OF_DECIDER, OF_FILER, OF_BOTH = {"supervisor"}, {"staff"}, {"staff", "supervisor"}
WHO = {
    **dict.fromkeys(("approve", "deny", "send_back", "revalidate"), OF_DECIDER),
    **dict.fromkeys(("withdraw", "amend"), OF_FILER),
    **dict.fromkeys(("retry", "check"), OF_BOTH),
    **dict.fromkeys(("give_up", "end_alarm", "end_displaced"), OF_DECIDER),
    "take_back": set(),
}
WHEN = {
    **dict.fromkeys(("approve", "deny", "send_back", "revalidate"), frozenset({State.PENDING})),
    "withdraw": {State.PENDING, State.SENT_BACK, State.APPROVED},
    "amend": {State.PENDING, State.SENT_BACK},
    "retry": {State.FAILED, State.PARTIAL},
    "check": {State.UNCONFIRMED},
    "give_up": {State.UNCONFIRMED},
    **dict.fromkeys(("take_back", "end_alarm", "end_displaced"), frozenset()),
}


def place(trunk_request: TrunkRequest, state: str, **changes: object) -> TrunkRequest:
    """Put the request into `state` behind the portal's back."""
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=state, **changes)
    return TrunkRequest.objects.get(pk=trunk_request.pk)


@pytest.mark.parametrize("who", PEOPLE)
def test_role_and_state_decide_together(
    who: str, trunk_request: TrunkRequest, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    for state in State:
        line_state = LineState.UNKNOWN if state == State.UNCONFIRMED else LineState.NOT_SENT
        trunk_request.lines.update(state=line_state)
        answers = policy.actions(user, place(trunk_request, state))
        assert list(answers) == VERBS
        for verb, answer in answers.items():
            expected = who in WHO[verb] and state in WHEN[verb]
            assert bool(answer) is expected, (who, verb, state)
            assert answer == policy.may(user, verb, place(trunk_request, state))
            assert bool(answer.reason) is not expected
            if verb != "take_back":
                assert answer.by_state is (who in WHO[verb] and not expected)


def test_being_a_superuser_counts_for_nothing(trunk_request: TrunkRequest) -> None:
    sol = cast.person("Sol Only", superuser=True)
    for state in State:
        assert not any(policy.actions(sol, place(trunk_request, state)).values())


def test_the_author_is_refused_before_any_role_is_looked_at(estate: cast.Estate, superuser: User) -> None:
    mine = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=superuser)
    answer = policy.may(superuser, "approve", mine)
    assert (answer.allowed, answer.by_state, answer.who) == (False, False, "nobody yet")


def test_who_could_decide_is_named_without_the_authors_and_the_departed(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, supervisor: User, second_supervisor: User
) -> None:
    RoleGrant.objects.create(user=staff, role=Role.SUPERVISOR)
    cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    here = cast.person("Hans Here", Role.SUPERVISOR, master=estate.master)
    User.objects.filter(pk=second_supervisor.pk).update(is_active=False)
    ended = cast.person("Ed Ended", Role.SUPERVISOR)
    RoleGrant.objects.filter(user=ended).update(ends_on=cast.LONG_AGO.date())
    assert deciders.able(trunk_request) == [here, supervisor]
    assert policy.may(staff, "approve", trunk_request).who == "Hans Here, Sam Supervisor"


def test_of_many_deciders_five_are_named(trunk_request: TrunkRequest, stranger: User) -> None:
    for letter in "ABCDEF":
        cast.person(f"Sup {letter}", Role.SUPERVISOR)
    answer = policy.may(stranger, "approve", trunk_request)
    assert answer.who == "Sup A, Sup B, Sup C, Sup D, Sup E and others"


@pytest.mark.parametrize(
    ("leave", "why"),
    [
        (lambda staff: User.objects.filter(pk=staff.pk).update(is_active=False), "is deactivated"),
        (lambda staff: RoleGrant.objects.filter(user=staff).delete(), "may no longer file"),
    ],
)
def test_what_was_sent_back_to_somebody_who_has_left_a_supervisor_withdraws(
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
    second_staff: User,
    estate: cast.Estate,
    leave: Callable[[User], object],
    why: str,
) -> None:
    elsewhere = cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    back = place(trunk_request, State.SENT_BACK)
    assert not policy.may(supervisor, "withdraw", back)
    leave(staff)
    for state in State:
        left = place(trunk_request, state)
        assert bool(policy.may(supervisor, "withdraw", left)) is (state == State.SENT_BACK)
        assert not policy.may(elsewhere, "withdraw", left)
    left = place(trunk_request, State.SENT_BACK)
    answer = policy.may(second_staff, "withdraw", left)
    assert (answer.allowed, answer.who) == (False, "Sam Supervisor")
    assert f"The person who filed it {why}" in answer.reason
    assert why in policy.may(second_staff, "amend", left).who
    filing.withdraw(left, actor=supervisor, version=left.version, comment="Stella has left")
    assert not left.lines.exclude(hold="").exists()
    event = audit.history(left).last()
    assert event is not None
    assert (event.action, event.actor) == (Action.REQUEST_WITHDRAWN, supervisor)


def test_who_approved_may_withdraw_until_something_was_sent(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    approved = cast.approved(trunk_request, supervisor)
    assert policy.may(supervisor, "withdraw", approved)
    approved.lines.update(state=LineState.ASSIGNED)
    answer = policy.may(supervisor, "withdraw", approved)
    assert (answer.allowed, answer.by_state) == (False, True)
    assert "sent to Zoom already" in answer.reason


def test_where_every_line_succeeded_there_is_nothing_to_retry(
    trunk_request: TrunkRequest, staff: User
) -> None:
    trunk_request.lines.update(state=LineState.ASSIGNED)
    answer = policy.may(staff, "retry", place(trunk_request, State.PARTIAL))
    assert not answer
    assert answer.reason == "No line is known to have failed; there is nothing to try again."


def test_a_filer_who_is_staff_no_more_can_still_take_back_but_not_go_on(
    trunk_request: TrunkRequest, staff: User
) -> None:
    RoleGrant.objects.filter(user=staff).delete()
    staff = User.objects.get(pk=staff.pk)
    assert policy.may(staff, "withdraw", trunk_request)
    assert not policy.may(staff, "amend", trunk_request)
    assert not policy.may(staff, "retry", place(trunk_request, State.FAILED))


def test_naming_the_deciders_takes_a_fixed_number_of_queries(
    trunk_request: TrunkRequest,
    stranger: User,
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    for letter in "ABCDEFGH":
        cast.person(f"Sup {letter}", Role.SUPERVISOR)
    # Supervisors, authors, those who stand in for somebody, and whom they stand in for.
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        deciders.able(trunk_request)


def test_who_is_deactivated_is_not_named_as_somebody_who_could(
    trunk_request: TrunkRequest, staff: User, supervisor: User, second_staff: User
) -> None:
    assert policy.may(second_staff, "amend", trunk_request).who == "Stella Staff"
    failed = place(trunk_request, State.FAILED)
    assert policy.may(second_staff, "retry", failed).who == "Stella Staff, Sam Supervisor"
    User.objects.filter(pk=staff.pk).update(is_active=False)
    for verb in ("amend", "withdraw"):
        answer = policy.may(second_staff, verb, TrunkRequest.objects.get(pk=trunk_request.pk))
        assert answer.who == "nobody, since Stella Staff is deactivated"
    assert policy.may(second_staff, "retry", place(trunk_request, State.FAILED)).who == "Sam Supervisor"
