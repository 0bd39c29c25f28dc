"""People and the roles they hold."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from tests import cast
from trunks.models import Role, RoleGrant, User
from trunks.workflow import people

pytestmark = pytest.mark.sqlite


def test_an_address_is_kept_in_lower_case_and_found_in_any(db: None) -> None:
    user = User.objects.create_user(" Ada@Example.COM ", "a long enough password")
    assert user.email == "ada@example.com"
    assert User.objects.get_by_natural_key("ADA@example.com") == user
    assert user.check_password("a long enough password")
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(None)


def test_a_person_is_called_by_name_else_by_address(db: None) -> None:
    user = User.objects.create_superuser("sol@example.com")
    assert (str(user), user.is_superuser) == ("sol@example.com", True)
    user.name = "Sol"
    assert user.get_full_name() == user.get_short_name() == "Sol"


def test_a_role_counts_for_its_master_account_or_for_all(
    estate: cast.Estate, other_staff: User, staff: User
) -> None:
    assert other_staff.holds(Role.STAFF)
    assert other_staff.holds(Role.STAFF, estate.foreign_master.pk)
    assert not other_staff.holds(Role.STAFF, estate.master.pk)
    assert not other_staff.holds(Role.SUPERVISOR)
    assert staff.holds(Role.STAFF, estate.master.pk)
    assert staff.roles == {"staff"}


@pytest.mark.parametrize(("days", "counts"), [(-1, False), (0, True), (1, True)])
def test_a_role_counts_to_the_end_of_its_last_day(days: int, counts: bool, staff: User) -> None:
    RoleGrant.objects.filter(user=staff).update(ends_on=timezone.now().date() + timedelta(days=days))
    assert User.objects.get(pk=staff.pk).holds(Role.STAFF) is counts


def test_who_was_deactivated_holds_nothing(staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)
    gone = User.objects.get(pk=staff.pk)
    assert gone.grants == []
    assert not RoleGrant.objects.in_force().filter(user=gone).exists()


def test_a_person_is_made_once_and_keeps_what_they_have(db: None) -> None:
    def ensure(name: str, role: Role) -> bool:
        hashed = partial(make_password, cast.PASSWORD)
        return people.ensure_person("ada@example.com", name=name, hashed=hashed, role=role, why="test")

    assert ensure("Ada", Role.MANAGER)
    assert not ensure("Somebody Else", Role.ADMINISTRATOR)
    ada = User.objects.get()
    assert (ada.name, ada.roles) == ("Ada", {"manager"})
