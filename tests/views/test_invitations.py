"""Inviting somebody in the page, and following the link to one's first page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.models import Invitation, Role, User
from trunks.workflow import invitations

EMAIL = "new@example.com"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
JOIN = {"name": "Nina New", "password1": "a long enough secret", "password2": "a long enough secret"}


@pytest.fixture
def sent(administrator: User) -> invitations.Sent:
    offer = invitations.Offer(email=EMAIL, wanted=[Role.STAFF], name="Nina")
    return invitations.invite(offer, actor=administrator)


def path_of(sent: invitations.Sent) -> str:
    return "/invitation/" + sent.link.partition("/invitation/")[2]


def test_an_administrator_invites_and_sees_the_link_once(administrator: User, signed_in: SignedIn) -> None:
    client = signed_in(administrator)
    assert client.get("/people/invite/").status_code == 200
    form = {"email": "New@Example.com", "name": "Nina", "roles": ["staff", "manager"], "masters": ["all"]}
    answer = client.post("/people/invite/", form)
    page = answer.content.decode()
    link = mail.outbox[0].body.partition("/invitation/")[2].split()[0]
    assert link in page
    assert "no-store" in answer["Cache-Control"]
    listed = client.get("/people/").content.decode()
    assert EMAIL in listed
    assert link not in listed
    assert client.post("/people/invite/", form).status_code == 422


def test_a_bad_invitation_comes_back_with_every_problem(administrator: User, signed_in: SignedIn) -> None:
    answer = signed_in(administrator).post("/people/invite/", {"email": "nobody", "name": "Nina"})
    page = answer.content.decode()
    assert answer.status_code == 422
    for words in ("valid e-mail", "at least one role", "for which master accounts", "nobody", "Nina"):
        assert words in page
    assert mail.outbox == []


def test_from_the_link_to_the_first_page(sent: invitations.Sent, client: Client) -> None:
    answer = client.get(path_of(sent), follow=True)
    assert answer.redirect_chain == [("/invitation/", 302)]
    assert 'value="Nina"' in answer.content.decode()
    answer = client.post("/invitation/", JOIN, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "Nina New" in answer.content.decode()
    assert User.objects.get(email=EMAIL).roles == {"staff"}


def test_the_link_is_not_used_up_by_opening_it(sent: invitations.Sent) -> None:
    for _ in range(3):
        assert Client().get(path_of(sent), follow=True).status_code == 200
    client = Client()
    client.get(path_of(sent))
    assert client.post("/invitation/", JOIN).status_code == 302


def test_a_used_link_leads_to_an_explanation(sent: invitations.Sent, client: Client) -> None:
    client.get(path_of(sent))
    client.post("/invitation/", JOIN)
    for path in (path_of(sent), "/invitation/no-such-token/"):
        answer = Client().get(path, follow=True)
        assert answer.status_code == 404
        assert "This link does not work" in answer.content.decode()
    assert Client().post("/invitation/", JOIN).status_code == 404


def test_the_list_says_when_it_shows_only_the_newest(
    sent: invitations.Sent, administrator: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(administrator)
    monkeypatch.setattr("trunks.views.people.SHOWN_INVITATIONS", 1)
    assert "Only the newest" not in client.get("/people/").content.decode()
    newer = invitations.Offer(email="newer@example.com", wanted=[Role.STAFF], name="Nora")
    invitations.invite(newer, actor=administrator)
    page = client.get("/people/").content.decode()
    assert "Only the newest 1 is shown." in page
    assert "newer@example.com" in page
    assert EMAIL not in page


@pytest.mark.django_db
def test_nothing_is_kept_for_whoever_tries_links(client: Client) -> None:
    assert client.get("/invitation/no-such-token/").status_code == 404
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password2": "another long secret"}, "not the same"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_a_bad_account_comes_back_without_the_passwords(
    sent: invitations.Sent, client: Client, change: dict[str, str], words: str
) -> None:
    client.get(path_of(sent))
    answer = client.post("/invitation/", JOIN | change)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert JOIN["password1"] not in page
    assert client.post("/invitation/", JOIN).status_code == 302


def test_somebody_who_is_signed_in_is_asked_to_sign_out_first(
    sent: invitations.Sent, staff: User, signed_in: SignedIn
) -> None:
    client = signed_in(staff)
    for path in (path_of(sent), "/invitation/"):
        answer = client.get(path)
        assert answer.status_code == 409
        assert answer.content.decode().count("You are signed in already") == 2  # title and heading
    assert client.post("/invitation/", JOIN).status_code == 409
    assert not User.objects.filter(email=EMAIL).exists()


def test_an_invitation_whose_maker_lost_the_right_says_so(
    sent: invitations.Sent, administrator: User, client: Client
) -> None:
    client.get(path_of(sent))
    User.objects.filter(pk=administrator.pk).update(is_active=False)
    answer = client.post("/invitation/", JOIN)
    assert answer.status_code == 409
    assert "can no longer give" in answer.content.decode()


def test_sending_again_shows_the_new_link_and_withdrawing_voids_it(
    sent: invitations.Sent, administrator: User, signed_in: SignedIn
) -> None:
    client = signed_in(administrator)
    one = f"/people/invitations/{sent.invitation.pk}/"
    page = client.post(f"{one}renew/").content.decode()
    assert "/invitation/" in page
    assert sent.link not in page
    assert client.get(f"{one}renew/").status_code == 405
    assert client.get(f"{one}withdraw/").status_code == 405
    assert client.post(f"{one}withdraw/").status_code == 302
    assert Invitation.objects.get().withdrawn_at


@pytest.mark.parametrize(
    ("changes", "what"), [({"withdrawn_at": NOW}, "withdrawn"), ({"accepted_at": NOW}, "accepted")]
)
@pytest.mark.parametrize("verb", ["renew", "withdraw"])
def test_a_page_from_before_the_invitation_ended_is_told_how(
    verb: str,
    what: str,
    changes: dict[str, Any],
    sent: invitations.Sent,
    administrator: User,
    signed_in: SignedIn,
) -> None:
    Invitation.objects.update(**changes)
    answer = signed_in(administrator).post(f"/people/invitations/{sent.invitation.pk}/{verb}/")
    assert answer.status_code == 409
    page = answer.content.decode()
    assert f"The invitation has been {what} already." in page
    assert 'href="/people/">Go to the people</a>' in page
    assert audit.history(sent.invitation).count() == 1


def test_invitations_for_other_masters_are_not_to_be_found(
    sent: invitations.Sent, estate: cast.Estate, administrator: User, signed_in: SignedIn
) -> None:
    local = cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)
    for email, masters in [
        ("near@example.com", [estate.master]),
        ("both@example.com", [estate.master, estate.foreign_master]),
    ]:
        offer = invitations.Offer(email=email, wanted=[Role.STAFF], masters=masters)
        invitations.invite(offer, actor=administrator)
    client = signed_in(local)
    page = client.get("/people/").content.decode()
    assert "near@example.com" in page
    assert EMAIL not in page
    assert "both@example.com" not in page
    assert client.post(f"/people/invitations/{sent.invitation.pk}/withdraw/").status_code == 404


@pytest.mark.parametrize("name", ["staff", "supervisor", "manager"])
def test_inviting_is_for_administrators(
    name: str, sent: invitations.Sent, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    client = signed_in(request.getfixturevalue(name))
    for path in ("/people/invite/", f"/people/invitations/{sent.invitation.pk}/renew/"):
        assert client.post(path).status_code == 403
    assert audit.history(sent.invitation).count() == 1
