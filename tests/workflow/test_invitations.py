"""Invitations: by whom, for whom, how long they hold, and what the letter says."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from pytest_django import Settings

from tests import cast
from tests.together import together
from trunks import audit
from trunks.models import Invitation, Role, User
from trunks.models.invitation import digest_of
from trunks.workflow import invitations
from trunks.workflow.errors import Invalid, Refused, Stale
from trunks.workflow.invitations import Offer, Sent

EMAIL = "new@example.com"
SECRET = "a long enough secret"
UNSEEMLY = [
    "\N{ZERO WIDTH SPACE}\N{HANGUL FILLER}",
    "Sue\nSupervisor",
    "Nina \N{RIGHT-TO-LEFT OVERRIDE}",
    "Nina\N{LEFT-TO-RIGHT ISOLATE}",
    "Nina\x1b[2J",
]


def offer(*wanted: Role, **more: Any) -> Offer:
    return Offer(**{"email": EMAIL, "wanted": wanted or (Role.STAFF,)} | more)


def token_of(sent: Sent) -> str:
    return sent.link.rstrip("/").rpartition("/")[2]


@pytest.fixture
def sent(administrator: User) -> Sent:
    return invitations.invite(offer(Role.STAFF, Role.MANAGER, name="Nina New"), actor=administrator)


@pytest.fixture
def local(estate: cast.Estate) -> User:
    return cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)


def test_an_invitation_is_kept_without_its_token_and_audited(sent: Sent, administrator: User) -> None:
    row = Invitation.objects.get()
    assert row.token_digest not in sent.link
    assert token_of(sent) not in str(vars(row))
    assert row.expires_at - row.invited_at == pytest.approx(timedelta(hours=72), abs=timedelta(seconds=5))
    event = audit.history(row).get()
    assert (event.action, event.actor, event.object_label) == ("person.invited", administrator, EMAIL)
    assert (event.after["roles"], event.after["masters"]) == (["staff", "manager"], "all")
    assert token_of(sent) not in str(event.after)


def test_the_letter_names_who_invites_and_holds_the_link(sent: Sent) -> None:
    [letter] = mail.outbox
    assert sent.mailed
    assert letter.to == [EMAIL]
    assert letter.subject == "Ada Administrator invites you to the SIP trunk portal"
    assert sent.link in letter.body
    assert "staff and manager" in letter.body


def test_a_name_with_line_breaks_does_not_reach_the_head_of_the_letter(db: None) -> None:
    inviter = cast.person("Eve\nBcc: all@example.com", Role.ADMINISTRATOR)
    invitations.invite(offer(), actor=inviter)
    assert "\n" not in mail.outbox[0].subject


def test_sending_again_makes_a_new_link_and_voids_the_old_one(sent: Sent) -> None:
    other = cast.person("Amy Administrator", Role.ADMINISTRATOR)
    old = Invitation.objects.get()
    again = invitations.renew(Invitation.objects.get(), actor=other)
    assert again.link != sent.link
    assert len(mail.outbox) == 2
    with pytest.raises(Stale):
        invitations.accept(old, name="Nina", password=SECRET)
    invitations.accept(again.invitation, name="Nina", password=SECRET)
    assert [event.action for event in audit.history(old)] == ["person.invited", "invitation.renewed"]


def test_a_withdrawn_invitation_is_void_and_can_be_made_again(sent: Sent, administrator: User) -> None:
    kept = Invitation.objects.get()
    invitations.withdraw(sent.invitation, actor=administrator)
    with pytest.raises(Stale):
        invitations.accept(kept, name="Nina", password=SECRET)
    for verb in (invitations.withdraw, invitations.renew):
        with pytest.raises(Stale):
            verb(kept, actor=administrator)
    assert audit.history(kept).last().action == "invitation.withdrawn"  # type: ignore[union-attr]
    assert invitations.invite(offer(), actor=administrator).invitation.pk != kept.pk


def test_an_address_is_invited_once_at_a_time(sent: Sent, administrator: User) -> None:
    with pytest.raises(Invalid) as caught:
        invitations.invite(offer(email=EMAIL.upper()), actor=administrator)
    assert list(caught.value.problems) == ["email"]
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(("active", "words"), [(True, "Grant the role"), (False, "reactivate")])
def test_who_has_an_account_is_not_invited(
    administrator: User, staff: User, active: bool, words: str
) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=active)
    with pytest.raises(Invalid, match=words):
        invitations.invite(offer(email=staff.email), actor=administrator)


def test_everything_wrong_with_an_offer_is_said_at_once(administrator: User) -> None:
    bad = Offer(email="no address", wanted=(), masters=(), name="x" * 121, ends_on=date(2020, 1, 1))
    with pytest.raises(Invalid) as caught:
        invitations.invite(bad, actor=administrator)
    assert set(caught.value.problems) == {"email", "roles", "masters", "name", "ends_on"}
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("email", [f"{'n' * 250}@example.com", f"new@{'ä' * 60}.example"])
def test_an_address_that_cannot_be_kept_or_written_to_is_said_to_be_none(
    administrator: User, email: str
) -> None:
    """Django takes either: one is longer than the column, of the other no letter can be made."""
    with pytest.raises(Invalid) as caught:
        invitations.invite(offer(email=email), actor=administrator)
    assert set(caught.value.problems) == {"email"}
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("name", UNSEEMLY)
def test_nobody_is_invited_under_a_name_that_cannot_be_seen(administrator: User, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        invitations.invite(offer(name=name), actor=administrator)
    assert set(caught.value.problems) == {"name"}


@pytest.mark.parametrize("name", ["staff", "supervisor", "manager", "stranger", "superuser"])
def test_nobody_but_administrators_invites_renews_or_withdraws(
    name: str, sent: Sent, request: pytest.FixtureRequest
) -> None:
    actor = request.getfixturevalue(name)
    with pytest.raises(Refused):
        invitations.invite(offer(email="friend@example.com"), actor=actor)
    for verb in (invitations.renew, invitations.withdraw):
        with pytest.raises(Refused):
            verb(sent.invitation, actor=actor)
    assert audit.history(actor).get().action == "person.action_refused"
    assert Invitation.objects.by_digest(digest_of(token_of(sent)))


def test_an_administrator_of_one_master_invites_for_that_one_only(local: User, estate: cast.Estate) -> None:
    invitations.invite(offer(masters=[estate.master]), actor=local)
    for masters in ([None], [estate.foreign_master], [estate.master, estate.foreign_master]):
        with pytest.raises(Refused):
            invitations.invite(offer(email="b@example.com", masters=masters), actor=local)


def test_a_mail_server_that_refuses_stops_nothing_and_is_written_down(
    administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError("connection refused")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    sent = invitations.invite(offer(), actor=administrator)
    assert not sent.mailed
    assert Invitation.objects.by_digest(digest_of(token_of(sent)))
    event = audit.history(sent.invitation).last()
    assert event
    assert (event.action, event.comment) == ("invitation.not_mailed", "OSError: connection refused")


def test_the_command_line_invites_without_a_letter(db: None, settings: Settings) -> None:
    settings.SITE_URL = "https://portal.example.org"
    sent = invitations.invite(offer(), actor=None, why="command line", by_mail=False)
    assert sent.link.startswith("https://portal.example.org/invitation/")
    assert mail.outbox == []
    invitations.accept(sent.invitation, name="Nina", password=None)
    assert not User.objects.get(email=EMAIL).has_usable_password()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_two_who_invite_the_same_address_at_the_same_moment_make_one_invitation() -> None:
    administrator = cast.person("Ada Administrator", Role.ADMINISTRATOR)

    def invite() -> str:
        try:
            invitations.invite(offer(), actor=administrator)
        except Invalid:
            return "invited already"
        return "invited"

    assert sorted(map(str, together(invite, invite))) == ["invited", "invited already"]
    assert Invitation.objects.count() == 1


def test_who_is_out_of_sight_is_not_to_be_found_on_a_page_that_is_not_there(
    sent: Sent, local: User, estate: cast.Estate
) -> None:
    far = cast.person("Far F", Role.STAFF, master=estate.foreign_master)
    User.objects.filter(pk=far.pk).update(is_active=False)
    for email in (far.email, sent.invitation.email):
        with pytest.raises(Invalid) as refused:
            invitations.invite(Offer(email, [Role.STAFF], [estate.master]), actor=local, by_mail=False)
        [sentence] = refused.value.problems["email"]
        assert "An administrator of all master accounts" in sentence
        assert "deactivated" not in sentence
