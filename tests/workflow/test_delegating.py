"""Standing in for a supervisor: for whom, for what, and until when."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import cast
from tests.conftest import SignedIn
from trunks import access, audit
from trunks.models import Delegation, MasterAccount, Role, RoleGrant, State, TrunkRequest, User
from trunks.workflow import delegating, filing, people, permits, policy, review, roles
from trunks.workflow.answers import Answer
from trunks.workflow.errors import Invalid, Refused

pytestmark = pytest.mark.sqlite


def today() -> date:
    return timezone.now().date()


def lend(giver: User, receiver: User, *masters: MasterAccount, days: tuple[int, int] = (0, 7)) -> Delegation:
    begins, ends = (today() + timedelta(days=number) for number in days)
    return delegating.make(delegating.Terms(receiver, begins, ends, "Holiday", masters), actor=again(giver))


def again(user: User) -> User:
    """Return the person as the next web request would load them."""
    return User.objects.get(pk=user.pk)


def loaded(trunk_request: TrunkRequest, **changes: Any) -> TrunkRequest:
    if changes:
        TrunkRequest.objects.filter(pk=trunk_request.pk).update(**changes)
    return TrunkRequest.objects.get(pk=trunk_request.pk)


def approve(trunk_request: TrunkRequest, user: User) -> TrunkRequest:
    row = loaded(trunk_request)
    return review.approve(row, actor=again(user), version=row.version)


def approve_for(giver: User, trunk_request: TrunkRequest, receiver: User, *, needed: int = 1) -> Delegation:
    """Have `receiver`, who stands in for `giver`, approve the request, which takes so many approvals."""
    loaded(trunk_request, approvals_needed=needed)
    made = lend(giver, receiver)
    approve(trunk_request, receiver)
    return made


def could(user: User, trunk_request: TrunkRequest) -> Answer:
    return policy.may(again(user), "approve", loaded(trunk_request))


def test_who_stands_in_decides_and_both_are_named(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    assert not could(second_staff, trunk_request)
    approve_for(supervisor, trunk_request, second_staff)
    decision = trunk_request.decisions.get()
    assert (decision.decided_by, decision.on_behalf_of) == (second_staff, supervisor)
    event = audit.history(trunk_request).get(action="request.approved")
    assert (event.actor, event.on_behalf_of) == (second_staff, supervisor)
    assert loaded(trunk_request).state == State.APPROVED
    assert permits.spend(loaded(trunk_request)) == ""


@pytest.mark.parametrize("verb", [review.deny, review.send_back])
def test_who_stands_in_can_say_no_as_well(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, verb: Any
) -> None:
    lend(supervisor, second_staff)
    verb(trunk_request, actor=again(second_staff), version=1, comment="No")
    assert trunk_request.decisions.get().on_behalf_of == supervisor


def test_the_supervisor_stays_able_to_decide_in_their_own_right(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    approve(trunk_request, supervisor)
    assert trunk_request.decisions.get().on_behalf_of is None


def test_a_supervisor_who_stands_in_decides_in_their_own_right(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    lend(supervisor, second_supervisor)
    approve(trunk_request, second_supervisor)
    assert trunk_request.decisions.get().on_behalf_of is None


def test_the_ban_follows_who_stands_in(trunk_request: TrunkRequest, supervisor: User, staff: User) -> None:
    lend(supervisor, staff)
    with pytest.raises(Refused, match="You filed or amended"):
        approve(trunk_request, staff)


def test_the_ban_follows_the_supervisor_as_well(
    estate: cast.Estate, second_staff: User, supervisor: User, superuser: User
) -> None:
    filed = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=superuser)
    lend(superuser, second_staff)
    with pytest.raises(Refused, match="You stand in for Sol Superuser, who filed or amended") as refused:
        approve(filed, second_staff)
    assert refused.value.who == "Sam Supervisor"
    lend(supervisor, second_staff)
    approve(filed, second_staff)
    assert filed.decisions.get().on_behalf_of == supervisor


def test_a_delegation_holds_for_the_masters_it_names(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff, estate.foreign_master)
    assert not could(second_staff, trunk_request)
    assert list(access.decided_masters(second_staff)) == [estate.foreign_master]
    lend(supervisor, second_staff, estate.master)
    assert could(second_staff, trunk_request)


@pytest.mark.parametrize("days", [(1, 5), (-9, -1)])
def test_it_holds_from_its_first_day_to_its_last(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, days: tuple[int, int]
) -> None:
    made = lend(supervisor, second_staff)
    begins, ends = (today() + timedelta(days=number) for number in days)
    Delegation.objects.filter(pk=made.pk).update(begins_on=begins, ends_on=ends)
    assert not could(second_staff, trunk_request)
    assert loaded(trunk_request) not in access.waiting_for(again(second_staff))
    made.refresh_from_db()
    assert made.standing == ("Not yet" if days[0] > 0 else "Over")


def test_whoever_stands_in_finds_it_in_the_queue(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, signed_in: SignedIn
) -> None:
    assert signed_in(second_staff).get("/approvals/").status_code == 403
    lend(supervisor, second_staff)
    answer = signed_in(second_staff).get("/approvals/")
    assert [row.pk for row in answer.context["page"].rows] == [trunk_request.pk]


@pytest.mark.parametrize("who", ["supervisor", "second_staff"])
def test_it_ends_for_good_when_either_is_deactivated(
    trunk_request: TrunkRequest,
    supervisor: User,
    second_staff: User,
    administrator: User,
    who: str,
    request: pytest.FixtureRequest,
) -> None:
    lend(supervisor, second_staff)
    person = request.getfixturevalue(who)
    people.deactivate(person, actor=administrator)
    assert not could(second_staff, trunk_request)
    people.reactivate(again(person), actor=administrator)
    assert not could(second_staff, trunk_request)
    assert Delegation.objects.get().ended_by == administrator


@pytest.mark.parametrize("how", ["deactivate", "revoke"])
def test_one_that_its_giver_ends_at_the_same_moment_stops_neither_deactivating_nor_revoking(
    estate: cast.Estate,
    supervisor: User,
    second_staff: User,
    manager: User,
    administrator: User,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    lend(supervisor, second_staff)
    lend(supervisor, manager)
    usual = delegating._told

    def told(delegation: Delegation) -> dict[str, Any]:
        Delegation.objects.exclude(pk=delegation.pk).update(ended_at=timezone.now(), ended_by=supervisor)
        return usual(delegation)

    monkeypatch.setattr(delegating, "_told", told)
    if how == "deactivate":
        people.deactivate(supervisor, actor=administrator)
        assert not again(supervisor).is_active
    else:
        roles.revoke(supervisor.role_grants.get(), actor=administrator)
        assert not again(supervisor).holds(Role.SUPERVISOR)
    assert {one.ended_by for one in Delegation.objects.all()} == {supervisor, administrator}


def test_it_ends_when_the_role_is_revoked_and_is_not_revived_with_it(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, administrator: User
) -> None:
    made = lend(supervisor, second_staff)
    roles.revoke(supervisor.role_grants.get(), actor=administrator)
    assert not could(second_staff, trunk_request)
    roles.grant(supervisor, actor=administrator, role=Role.SUPERVISOR)
    assert not could(second_staff, trunk_request)
    assert audit.history(made).last().action == "delegation.ended"  # type: ignore[union-attr]


def test_it_stays_for_what_the_supervisor_still_supervises(
    estate: cast.Estate, second_staff: User, administrator: User
) -> None:
    two = cast.person("Tess Two", Role.SUPERVISOR, master=estate.master)
    RoleGrant.objects.create(user=two, role=Role.SUPERVISOR, master=estate.foreign_master)
    lend(two, second_staff)
    lend(two, second_staff, estate.master)
    lend(two, second_staff, estate.foreign_master)
    roles.revoke(two.role_grants.get(master=estate.foreign_master), actor=administrator)
    assert Delegation.objects.filter(ended_at=None).count() == 2
    assert list(access.decided_masters(second_staff)) == [estate.master]


def test_a_role_that_ends_by_its_date_takes_the_delegation_with_it(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    supervisor.role_grants.update(ends_on=today() - timedelta(days=1))
    assert not could(second_staff, trunk_request)


def test_whoever_has_no_role_there_any_more_stands_in_for_nobody(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    second_staff.role_grants.all().delete()
    assert not could(second_staff, trunk_request)


def test_who_stands_in_cannot_delegate_on(
    estate: cast.Estate, supervisor: User, second_staff: User, manager: User, signed_in: SignedIn
) -> None:
    lend(supervisor, second_staff)
    with pytest.raises(Refused, match="Only a supervisor can let somebody else decide"):
        lend(second_staff, manager)
    assert audit.history(second_staff).filter(action="delegation.refused").exists()


def test_nobody_lends_a_right_for_masters_they_do_not_supervise(
    estate: cast.Estate, second_staff: User
) -> None:
    local = cast.person("Lola Local", Role.SUPERVISOR, master=estate.master)
    with pytest.raises(Refused):
        lend(local, second_staff, estate.foreign_master)


@pytest.mark.parametrize("who", ["administrator", "stranger", "supervisor", "other_staff"])
def test_only_people_of_the_master_account_stand_in(
    estate: cast.Estate, supervisor: User, who: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Invalid) as refused:
        lend(supervisor, request.getfixturevalue(who), estate.master)
    assert list(refused.value.problems) == ["receiver"]


def test_somebody_deactivated_cannot_be_chosen(supervisor: User, second_staff: User) -> None:
    User.objects.filter(pk=second_staff.pk).update(is_active=False)
    with pytest.raises(Invalid, match="is deactivated"):
        lend(supervisor, again(second_staff))


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ((3, 2), "before the first one"),
        ((-3, -1), "is over already"),
        ((0, 400), "At most a year"),
    ],
)
def test_days_that_make_no_sense_are_said(
    supervisor: User, second_staff: User, days: tuple[int, int], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        lend(supervisor, second_staff, days=days)


@pytest.mark.parametrize(("reason", "words"), [(" ", "Say why"), ("x" * 501, "At most 500 characters")])
def test_a_reason_is_needed(supervisor: User, second_staff: User, reason: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        delegating.make(delegating.Terms(second_staff, today(), today(), reason), actor=supervisor)
