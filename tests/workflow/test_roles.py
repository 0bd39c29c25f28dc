"""Giving and taking roles: by whom, for what, until when, and never the last administrator's."""

import threading
import time
from datetime import date, timedelta

import pytest
from django.utils import timezone

from tests import cast
from tests.together import together
from trunks import audit
from trunks.models import Role, RoleGrant, User
from trunks.workflow import authority, people, roles
from trunks.workflow.errors import Invalid, Refused, Stale

TODAY = timezone.now().date


@pytest.fixture
def local(estate: cast.Estate) -> User:
    """Return an administrator of the first master account only."""
    return cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)


def held(person: User) -> set[tuple[str, str | None, date | None]]:
    grants = RoleGrant.objects.filter(user=person).select_related("master")
    return {(grant.role, grant.master.name if grant.master else None, grant.ends_on) for grant in grants}


def test_a_role_is_given_for_all_masters_and_counts_from_the_next_request(
    administrator: User, stranger: User
) -> None:
    roles.grant(stranger, actor=administrator, role=Role.STAFF)
    assert held(stranger) == {("staff", None, None)}
    assert User.objects.get(pk=stranger.pk).holds(Role.STAFF)
    event = audit.history(stranger).get()
    assert (event.action, event.actor) == ("role.granted", administrator)
    assert event.after == {"role": "staff", "masters": "all", "ends_on": None}


def test_a_role_for_named_masters_leaves_an_event_with_each(
    administrator: User, stranger: User, estate: cast.Estate
) -> None:
    masters = [estate.master, estate.foreign_master]
    roles.grant(stranger, actor=administrator, role=Role.STAFF, masters=masters)
    assert held(stranger) == {("staff", "Northwind", None), ("staff", "Contoso", None)}
    assert [event.master for event in audit.history(stranger)] == masters


def test_granting_what_is_held_changes_the_last_day_and_says_what_it_was(
    administrator: User, staff: User
) -> None:
    day = TODAY() + timedelta(days=30)
    roles.grant(staff, actor=administrator, role=Role.STAFF, ends_on=day)
    assert held(staff) == {("staff", None, day)}
    event = audit.history(staff).get()
    assert event.action == "role.changed"
    assert (event.before["ends_on"], event.after["ends_on"]) == (None, str(day))


def test_granting_the_same_twice_says_nothing_the_second_time(administrator: User, stranger: User) -> None:
    for _ in range(2):
        roles.grant(stranger, actor=administrator, role=Role.STAFF)
    assert audit.history(stranger).count() == 1


def test_a_role_holds_on_its_last_day_and_not_on_the_day_after(administrator: User, stranger: User) -> None:
    roles.grant(stranger, actor=administrator, role=Role.STAFF, ends_on=TODAY())
    assert User.objects.get(pk=stranger.pk).holds(Role.STAFF)
    RoleGrant.objects.filter(user=stranger).update(ends_on=TODAY() - timedelta(days=1))
    assert not User.objects.get(pk=stranger.pk).holds(Role.STAFF)


def test_a_last_day_that_is_over_is_refused_beside_its_field(administrator: User, stranger: User) -> None:
    with pytest.raises(Invalid) as caught:
        roles.grant(stranger, actor=administrator, role=Role.STAFF, ends_on=TODAY() - timedelta(days=1))
    assert list(caught.value.problems) == ["ends_on"]


def test_a_deactivated_person_gets_no_role(administrator: User, stranger: User) -> None:
    User.objects.filter(pk=stranger.pk).update(is_active=False)
    with pytest.raises(Stale):
        roles.grant(stranger, actor=administrator, role=Role.STAFF)
    assert held(stranger) == set()


def test_revoking_takes_the_role_and_says_which_it_was(administrator: User, staff: User) -> None:
    roles.revoke(RoleGrant.objects.get(user=staff), actor=administrator)
    assert held(staff) == set()
    event = audit.history(staff).get()
    assert (event.action, event.before["role"]) == ("role.revoked", "staff")


def test_a_role_is_revoked_once(administrator: User, staff: User) -> None:
    grant = RoleGrant.objects.get(user=staff)
    again = RoleGrant.objects.get(user=staff)
    roles.revoke(grant, actor=administrator)
    with pytest.raises(Stale):
        roles.revoke(again, actor=administrator)
    assert audit.history(staff).count() == 1


@pytest.mark.parametrize("name", ["staff", "supervisor", "manager", "stranger", "superuser"])
def test_nobody_but_administrators_gives_or_takes_roles(
    name: str, second_staff: User, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(name)
    with pytest.raises(Refused):
        roles.grant(second_staff, actor=actor, role=Role.MANAGER)
    with pytest.raises(Refused):
        roles.revoke(RoleGrant.objects.get(user=second_staff), actor=actor)
    assert held(second_staff) == {("staff", None, None)}
    assert {event.action for event in audit.history(second_staff)} == {"person.action_refused"}


def test_nobody_changes_their_own_roles_superusers_included(db: None) -> None:
    cast.person("Another Administrator", Role.ADMINISTRATOR)
    both = cast.person("Sol Both", Role.ADMINISTRATOR, superuser=True)
    with pytest.raises(Refused, match="Nobody changes their own"):
        roles.grant(both, actor=both, role=Role.SUPERVISOR)
    with pytest.raises(Refused, match="Nobody changes their own"):
        roles.revoke(RoleGrant.objects.get(user=both), actor=both)
    assert held(both) == {("administrator", None, None)}
    assert audit.history(both).count() == 2


def test_an_administrator_of_one_master_gives_roles_for_that_one_only(
    local: User, stranger: User, estate: cast.Estate
) -> None:
    roles.grant(stranger, actor=local, role=Role.SUPERVISOR, masters=[estate.master])
    for masters in ([estate.foreign_master], [estate.master, estate.foreign_master], [None]):
        with pytest.raises(Refused):
            roles.grant(stranger, actor=local, role=Role.STAFF, masters=masters)
    assert held(stranger) == {("supervisor", "Northwind", None)}


def test_an_administrator_of_one_master_takes_no_role_for_another(
    local: User, staff: User, other_staff: User
) -> None:
    for person in (staff, other_staff):
        with pytest.raises(Refused):
            roles.revoke(RoleGrant.objects.get(user=person), actor=local)
        assert held(person)


def test_the_last_administrator_keeps_the_role_and_gets_no_end(
    administrator: User, estate: cast.Estate
) -> None:
    temporary = cast.person("Tom Temporary", Role.ADMINISTRATOR)
    RoleGrant.objects.filter(user=temporary).update(ends_on=TODAY() + timedelta(days=9))
    cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)
    with pytest.raises(Refused, match="last administrator"):
        roles.revoke(RoleGrant.objects.get(user=administrator), actor=temporary)
    with pytest.raises(Refused, match="last administrator"):
        roles.grant(administrator, actor=temporary, role=Role.ADMINISTRATOR, ends_on=TODAY())
    assert held(administrator) == {("administrator", None, None)}
    assert [event.action for event in audit.history(administrator)] == ["person.action_refused"] * 2


def test_a_refused_change_of_several_masters_changes_none(administrator: User, estate: cast.Estate) -> None:
    temporary = cast.person("Tom Temporary", Role.ADMINISTRATOR)
    RoleGrant.objects.filter(user=temporary).update(ends_on=TODAY())
    with pytest.raises(Refused):
        roles.grant(
            administrator,
            actor=temporary,
            role=Role.ADMINISTRATOR,
            masters=[estate.master, None],
            ends_on=TODAY(),
        )
    assert held(administrator) == {("administrator", None, None)}


def test_not_even_the_command_line_takes_the_last_administrator(administrator: User) -> None:
    with pytest.raises(Stale, match="last administrator"):
        roles.revoke(RoleGrant.objects.get(user=administrator), actor=None, why="test")


def test_one_of_two_administrators_can_be_relieved(administrator: User) -> None:
    second = cast.person("Amy Administrator", Role.ADMINISTRATOR)
    roles.revoke(RoleGrant.objects.get(user=second), actor=administrator)
    assert held(second) == set()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_remove_each_other_at_the_same_moment() -> None:
    first, second = (cast.person(f"{name} Administrator", Role.ADMINISTRATOR) for name in ("Ada", "Amy"))

    def remove(actor: User, person: User) -> str:
        grant = RoleGrant.objects.select_related("user", "master").get(user=person)
        try:
            roles.revoke(grant, actor=User.objects.get(pk=actor.pk))
        except (Refused, RoleGrant.DoesNotExist):
            return "refused"
        return "done"

    outcomes = together(lambda: remove(first, second), lambda: remove(second, first))
    assert sorted(map(str, outcomes)) == ["done", "refused"]
    assert RoleGrant.objects.of_lasting_administrators().count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_is_deactivated_and_who_is_given_a_last_day_do_not_wait_for_each_other(
    administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = cast.person("Lea Leaving", Role.ADMINISTRATOR)
    other = cast.person("Amy Administrator", Role.ADMINISTRATOR)
    counted = threading.Event()
    real = authority.governed_without

    def governed(person: User, grant: RoleGrant | None = None) -> bool:
        found = real(person, grant)
        if grant is None:
            counted.set()
            time.sleep(0.5)  # with the grants locked and the person not yet
        return found

    def give() -> None:
        counted.wait(5)
        roles.grant(leaving, actor=other, role=Role.ADMINISTRATOR, ends_on=TODAY() + timedelta(days=3))

    monkeypatch.setattr(authority, "governed_without", governed)
    first, second = together(lambda: people.deactivate(leaving, actor=administrator), give)
    assert first is None
    assert isinstance(second, Stale)
    assert held(leaving) == {("administrator", None, None)}
