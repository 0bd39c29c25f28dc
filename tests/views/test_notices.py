"""The page of a person's choices, and the administrators' list of letters that were not sent."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from tests.outbox import deliver
from trunks import access
from trunks.models import How, Notice, Occasion, Role, Sending, Topic, TrunkRequest, User
from trunks.workflow import choosing, filing

ALL = {"asked", "reminder", "escalated", "decided", "settled", "unsettled", "digest"}


def form(**changes: str) -> dict[str, str]:
    return dict.fromkeys(ALL, "at_once") | changes


def shown(client: Client, address: str = "/notices/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_a_person_chooses_how_to_hear_of_each_topic(signed_in: SignedIn, supervisor: User) -> None:
    client = signed_in(supervisor)
    response = client.post("/notices/", form(asked="in_digest", settled="never"), follow=True)
    assert response.redirect_chain == [("/notices/", 302)]
    assert "Your choices are kept." in response.content.decode()
    now = choosing.choices_of(supervisor)
    assert (now[Topic.ASKED], now[Topic.SETTLED], now[Topic.DECIDED]) == (
        How.IN_DIGEST,
        How.NEVER,
        How.AT_ONCE,
    )
    assert '<option value="in_digest" selected>' in shown(client)


def test_an_alarm_is_named_and_is_not_among_the_choices(signed_in: SignedIn, supervisor: User) -> None:
    content = shown(signed_in(supervisor))
    assert "Alarm: a customer has lost a trunk" in content
    assert 'name="lost"' not in content


@pytest.mark.parametrize("changes", [{"asked": "sometimes"}, {"digest": "in_digest"}, {"asked": ""}])
def test_what_is_not_offered_changes_nothing_and_is_said(
    signed_in: SignedIn, supervisor: User, changes: dict[str, str]
) -> None:
    response = signed_in(supervisor).post("/notices/", form(settled="never", **changes))
    assert response.status_code == 422
    content = response.content.decode()
    assert "<title>Error: " in content
    assert "There is a problem" in content
    assert '<option value="never" selected>' in content, "what was chosen well is kept"
    assert choosing.choices_of(supervisor)[Topic.SETTLED] == How.AT_ONCE


def test_an_alarm_that_is_posted_all_the_same_stays_on(signed_in: SignedIn, supervisor: User) -> None:
    assert signed_in(supervisor).post("/notices/", form(lost="never")).status_code == 302
    assert choosing.choices_of(supervisor)[Topic.LOST] == How.AT_ONCE


def test_who_has_no_role_yet_can_choose_too(signed_in: SignedIn, stranger: User) -> None:
    assert "Your choices" in shown(signed_in(stranger))


@pytest.mark.parametrize("address", ["/notices/", "/notices/unsent/"])
def test_nobody_comes_in_unnamed(client: Client, db: None, address: str) -> None:
    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"


def test_other_methods_are_refused(signed_in: SignedIn, administrator: User) -> None:
    client = signed_in(administrator)
    assert client.delete("/notices/").status_code == 405
    assert client.post("/notices/unsent/").status_code == 405
    assert client.get("/notices/1/again/").status_code == 405


# --- letters that were not sent ---------------------------------------------------------------------------------


def fail(**changes: Any) -> Notice:
    """Make all letters look as if the mail server had not taken them."""
    deliver()
    gone = {
        "sending": Sending.FAILED,
        "tries": 9,
        "problem": "SMTPDataError: (554, b'<spam>')",
        "sent_at": None,
    }
    Notice.objects.update(**gone | changes)
    return Notice.objects.order_by("id")[0]


def test_administrators_see_what_was_not_sent_and_send_it_again(
    signed_in: SignedIn, administrator: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    notice = fail()
    client = signed_in(administrator)
    content = shown(client, "/notices/unsent/")
    for words in (
        "sam-supervisor@example.com",
        "&lt;spam&gt;",
        trunk_request.reference,
        "Given up after 9 tries",
    ):
        assert words in content
    response = client.post(f"/notices/{notice.pk}/again/", follow=True)
    assert "The e-mail to Sam Supervisor is sent again now." in response.content.decode()
    assert len(deliver()) == 1
    assert "No unsent e-mail" in shown(client, "/notices/unsent/")


def test_one_that_is_still_tried_says_when(
    signed_in: SignedIn, administrator: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    fail(sending=Sending.WAITING, tries=1)
    assert "1 try, next" in shown(signed_in(administrator), "/notices/unsent/")


def test_what_was_sent_meanwhile_is_not_found(
    signed_in: SignedIn, administrator: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    notice = fail(sending=Sending.SENT, problem="")
    assert signed_in(administrator).post(f"/notices/{notice.pk}/again/").status_code == 404


def test_who_comes_second_is_told(
    signed_in: SignedIn,
    administrator: User,
    supervisor: User,
    trunk_request: TrunkRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notice = fail()
    real = access.stuck_notice_for

    def too_late(user: User, pk: int) -> Notice:
        found = real(user, pk)
        Notice.objects.update(sending=Sending.SENT)
        return found

    monkeypatch.setattr(access, "stuck_notice_for", too_late)
    response = signed_in(administrator).post(f"/notices/{notice.pk}/again/")
    assert response.status_code == 409
    assert "The e-mail has been sent meanwhile" in response.content.decode()
    assert 'href="/notices/unsent/">Go to the unsent mail</a>' in response.content.decode()


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "stranger"])
def test_others_are_refused(
    signed_in: SignedIn,
    request: pytest.FixtureRequest,
    trunk_request: TrunkRequest,
    supervisor: User,
    who: str,
) -> None:
    notice = fail()
    client = signed_in(request.getfixturevalue(who))
    assert client.get("/notices/unsent/").status_code == 403
    assert client.post(f"/notices/{notice.pk}/again/").status_code == 403
    notice.refresh_from_db()
    assert notice.sending == Sending.FAILED


def test_an_administrator_of_another_master_account_does_not_know_of_it(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    notice = fail()
    client = signed_in(cast.person("Olga Other", Role.ADMINISTRATOR, master=estate.foreign_master))
    assert "No unsent e-mail" in shown(client, "/notices/unsent/")
    assert client.post(f"/notices/{notice.pk}/again/").status_code == 404


def test_a_letter_about_no_request_is_for_administrators_of_everything(
    signed_in: SignedIn, supervisor: User, administrator: User, trunk_request: TrunkRequest
) -> None:
    fail()
    Occasion.objects.update(trunk_request=None, topic=Topic.DIGEST)
    assert "Every morning: what waits for me" in shown(signed_in(administrator), "/notices/unsent/")


def test_the_list_has_a_fixed_number_of_queries(
    signed_in: SignedIn,
    administrator: User,
    supervisor: User,
    second_supervisor: User,
    staff: User,
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        filing.file(cast.draft(estate.other_sub, estate.trunk, f"188882{number:02}"), actor=staff)
    fail()
    client = signed_in(administrator)
    with django_assert_max_num_queries(9):
        content = shown(client, "/notices/unsent/")
    assert content.count("Send again") == 12
