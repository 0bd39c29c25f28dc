"""Taking an invitation up: once, in time, and with what it offers."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests import cast
from tests.together import together
from tests.workflow import test_invitations
from tests.workflow.test_invitations import EMAIL, SECRET, UNSEEMLY, offer, token_of
from trunks import audit
from trunks.models import Invitation, Role, RoleGrant, User
from trunks.models.invitation import digest_of
from trunks.workflow import invitations, people
from trunks.workflow.errors import Invalid, Stale
from trunks.workflow.invitations import Sent

sent = test_invitations.sent


def test_accepting_makes_the_account_with_the_roles(sent: Sent) -> None:
    user = invitations.accept(sent.invitation, name=" Nina New ", password=SECRET)
    found = User.objects.get(email=EMAIL)
    assert found == user
    assert (found.name, found.check_password(SECRET)) == ("Nina New", True)
    assert found.roles == {"staff", "manager"}
    invitation = Invitation.objects.get()
    assert invitation.accepted_by == found
    assert invitation.accepted_at
    joined, *granted = audit.history(found)
    assert (joined.action, joined.actor) == ("person.joined", found)
    assert [(event.action, event.ground) for event in granted] == [
        ("role.granted", "invited by Ada Administrator")
    ] * 2


def test_named_masters_and_a_last_day_come_with_the_invitation(
    administrator: User, estate: cast.Estate
) -> None:
    day = timezone.now().date() + timedelta(days=5)
    sent = invitations.invite(offer(masters=[estate.master], ends_on=day), actor=administrator)
    user = invitations.accept(sent.invitation, name="Nina", password=SECRET)
    grant = RoleGrant.objects.get(user=user)
    assert (grant.master, grant.ends_on) == (estate.master, day)
    assert audit.history(sent.invitation).get().master == estate.master


def test_a_link_works_once(sent: Sent) -> None:
    again = Invitation.objects.get()
    invitations.accept(sent.invitation, name="Nina", password=SECRET)
    with pytest.raises(Stale):
        invitations.accept(again, name="Eve", password=SECRET)
    assert User.objects.get(email=EMAIL).name == "Nina"


def test_a_link_ends_after_72_hours(sent: Sent) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=71, minutes=59)):
        assert Invitation.objects.by_digest(digest_of(token_of(sent))) == sent.invitation
    with time_machine.travel(timezone.now() + timedelta(hours=72, minutes=1)):
        assert Invitation.objects.by_digest(digest_of(token_of(sent))) is None
        with pytest.raises(Stale):
            invitations.accept(sent.invitation, name="Nina", password=SECRET)
    assert not User.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize("name", UNSEEMLY)
def test_nobody_joins_under_a_name_that_cannot_be_seen(sent: Sent, name: str) -> None:
    """It stands beside every decision: nothing there, a second line, or all that follows it turned round."""
    with pytest.raises(Invalid) as caught:
        invitations.accept(sent.invitation, name=name, password=SECRET)
    assert list(caught.value.problems) == ["name"]


def test_a_name_of_another_script_with_its_joiners_is_one(sent: Sent) -> None:
    name = "\N{ARABIC LETTER LAM}\N{ARABIC LETTER YEH}\N{ZERO WIDTH NON-JOINER}\N{ARABIC LETTER REH}"
    assert invitations.accept(sent.invitation, name=name, password=SECRET).name == name


def test_an_invitation_dies_with_the_authority_of_who_made_it(sent: Sent, administrator: User) -> None:
    second = cast.person("Amy Administrator", Role.ADMINISTRATOR)
    people.deactivate(administrator, actor=second)
    with pytest.raises(Stale, match="can no longer give"):
        invitations.accept(Invitation.objects.get(), name="Eve", password=SECRET)
    assert not User.objects.filter(email=EMAIL).exists()
    again = invitations.renew(Invitation.objects.get(), actor=second)
    invitations.accept(again.invitation, name="Nina", password=SECRET)


@pytest.mark.parametrize(
    ("name", "password", "fields"),
    [
        ("", SECRET, ["name"]),
        ("x" * 121, SECRET, ["name"]),
        ("Nina", "short", ["password1"]),
        ("Nina", "password1234", ["password1"]),
        ("", "new@example.com", ["name", "password1"]),
    ],
)
def test_a_bad_name_or_password_is_said_and_the_link_stays_good(
    sent: Sent, name: str, password: str, fields: list[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        invitations.accept(sent.invitation, name=name, password=password)
    assert list(caught.value.problems) == fields
    assert Invitation.objects.by_digest(digest_of(token_of(sent)))


def test_roles_whose_last_day_is_over_are_neither_taken_up_nor_offered_again(administrator: User) -> None:
    sent = invitations.invite(offer(ends_on=timezone.now().date()), actor=administrator)
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        with pytest.raises(Stale, match="has ended meanwhile"):
            invitations.accept(sent.invitation, name="Nina New", password=SECRET)
        with pytest.raises(Stale, match="last day of what is offered"):
            invitations.renew(sent.invitation, actor=administrator)
    invitations.accept(sent.invitation, name="Nina New", password=SECRET)
    assert User.objects.get(email=EMAIL).holds(Role.STAFF)


def test_an_account_that_was_made_meanwhile_is_not_touched(sent: Sent) -> None:
    cast.person("New")
    with pytest.raises(Stale, match="account for this address"):
        invitations.accept(sent.invitation, name="Eve", password=SECRET)
    assert User.objects.get(email=EMAIL).check_password(cast.PASSWORD)
    assert Invitation.objects.open().exists()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_the_same_moment_one_gets_the_account() -> None:
    administrator = cast.person("Ada Administrator", Role.ADMINISTRATOR)
    sent = invitations.invite(offer(), actor=administrator)

    def accept(name: str) -> str:
        row = Invitation.objects.get(pk=sent.invitation.pk)
        try:
            return invitations.accept(row, name=name, password=SECRET).name
        except Stale:
            return "too late"

    outcomes = together(lambda: accept("First"), lambda: accept("Second"))
    assert "too late" in outcomes
    assert User.objects.get(email=EMAIL).name in outcomes
    assert RoleGrant.objects.filter(user__email=EMAIL).count() == 1
