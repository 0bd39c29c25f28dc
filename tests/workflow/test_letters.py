"""The words of the letters: as a person would have written them, and harmless whatever a name holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests import cast
from tests.outbox import deliver, silence
from trunks.actions import Action
from trunks.models import LineState, Occasion, Role, State, SubAccount, Topic, TrunkRequest, User
from trunks.workflow import filing, letters, occasions, review

PAGE = "http://127.0.0.1:8000/requests/"


def test_the_subject_says_who_asks_for_what(estate: cast.Estate, staff: User, supervisor: User) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", "18888124", "18888125")
    trunk_request = filing.file(draft, actor=staff)
    [letter] = deliver()
    assert letter.subject == f"Stella Staff asks: 3 trunks for Adatum Logistics, {trunk_request}"
    assert "Ticket CHG-1." in letter.body
    assert '"New customer"' in letter.body
    filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff, version=1)
    [letter] = deliver()
    assert letter.subject == f"Stella Staff amended: 1 trunk for Adatum Logistics, {trunk_request}"


def test_without_a_ticket_none_is_spoken_of(trunk_request: TrunkRequest, supervisor: User) -> None:
    TrunkRequest.objects.update(ticket="")
    [letter] = deliver()
    assert "Ticket" not in letter.body


@pytest.mark.parametrize(
    ("kind", "what", "line"),
    [
        ("unassign", "remove 1 trunk of Adatum Logistics", "DNIS 18888123 is removed"),
        (
            "change",
            "change 1 trunk of Adatum Logistics",
            "DNIS 18888777 becomes DNIS 18888123, caller ID +14155550100",
        ),
    ],
)
def test_removals_and_changes_are_called_so(
    trunk_request: TrunkRequest, supervisor: User, kind: str, what: str, line: str
) -> None:
    TrunkRequest.objects.update(kind=kind)
    trunk_request.lines.update(current_dnis="18888777")
    [letter] = deliver()
    assert what in letter.subject
    assert f"- {line}" in letter.body


DECISIONS: dict[str, tuple[Callable[..., object], str, str]] = {
    "approved": (review.approve, "Sam Supervisor approved {}: ", "It goes to Zoom next."),
    "denied": (review.deny, "Sam Supervisor denied {}: ", "free for others again"),
    "sent back": (review.send_back, "Sam Supervisor sent back {}: ", "Amend it"),
}


@pytest.mark.parametrize(("verb", "subject", "next_step"), DECISIONS.values(), ids=DECISIONS)
def test_a_decision_is_told_with_its_comment(
    trunk_request: TrunkRequest, supervisor: User, verb: Callable[..., object], subject: str, next_step: str
) -> None:
    silence()
    verb(trunk_request, actor=supervisor, version=1, comment="Which caller ID?")
    [letter] = deliver()
    assert letter.subject == subject.format(trunk_request) + "1 trunk for Adatum Logistics"
    assert '"Which caller ID?"' in letter.body
    assert next_step in letter.body


@pytest.mark.parametrize("kind", ["unassign", "change"])
@pytest.mark.parametrize("action", [Action.REQUEST_DENIED, Action.REQUEST_WITHDRAWN, Action.REQUEST_EXPIRED])
def test_of_a_removal_or_a_change_that_ends_undone_it_says_that_the_trunks_stay(
    trunk_request: TrunkRequest, kind: str, action: Action
) -> None:
    trunk_request.kind = kind
    occasion = Occasion(topic=Topic.DECIDED, facts={"action": action, "comment": "Nobody acted."})
    said = " ".join(letters.about_request(occasion, trunk_request).sentences)
    assert "The customer's trunks stay as they are" in said
    assert "DNIS are free" not in said


def test_a_letter_about_a_request_with_a_change_window_does_not_say_that_it_goes_to_zoom_next(
    estate: cast.Estate, staff: User, supervisor: User
) -> None:
    opens = timezone.now() + timedelta(days=3)
    draft = replace(cast.draft(estate.sub, estate.trunk, "18888123"), not_before=opens)
    trunk_request = filing.file(draft, actor=staff)
    when = f"{opens.astimezone(UTC):%-d %B %Y at %H:%M} UTC"
    [asked] = deliver()
    assert f"Approved or not, nothing is sent before {when}." in asked.body
    review.approve(trunk_request, actor=supervisor, version=1)
    [letter] = deliver()
    assert f"It goes to Zoom when its change window opens, not before {when}." in letter.body
    assert "It goes to Zoom next" not in letter.body


def place(trunk_request: TrunkRequest, state: State, action: Action, comment: str = "") -> None:
    silence()
    TrunkRequest.objects.update(state=state)
    trunk_request.refresh_from_db()
    occasions.note(action, trunk_request, actor=None, comment=comment)


@pytest.mark.parametrize(
    ("state", "action", "subject"),
    [
        (State.DONE, Action.PROVISIONING_SETTLED, "Done: {}, 1 trunk for Adatum Logistics"),
        (State.PARTIAL, Action.PROVISIONING_SETTLED, "Partly done: {}, 1 trunk for Adatum Logistics"),
        (State.FAILED, Action.REQUEST_GIVEN_UP, "Failed: {}, 1 trunk for Adatum Logistics"),
        (
            State.SENT_BACK,
            Action.PROVISIONING_STOPPED,
            "Sent back by the portal: {}, 1 trunk for Adatum Logistics",
        ),
        (State.EXPIRED, Action.REQUEST_EXPIRED, "Expired: {}, 1 trunk for Adatum Logistics"),
        (
            State.UNCONFIRMED,
            Action.PROVISIONING_ATTENTION,
            "Please look: nobody knows what became of {}, 1 trunk for Adatum Logistics",
        ),
        (
            State.APPROVED,
            Action.PROVISIONING_ATTENTION,
            "Please look: {} cannot be carried out so far, 1 trunk for Adatum Logistics",
        ),
    ],
)
def test_a_result_is_told_by_how_it_ended(
    trunk_request: TrunkRequest, state: State, action: Action, subject: str
) -> None:
    place(trunk_request, state, action, "1 of 2 assigned")
    [letter] = deliver()
    assert letter.to == ["stella-staff@example.com"]
    assert letter.subject == subject.format(trunk_request)


@pytest.mark.parametrize(
    ("state", "action", "told"),
    [
        (State.PARTIAL, Action.PROVISIONING_SETTLED, "\nLines: 1 assigned, 1 refused.\n"),
        (State.SENT_BACK, Action.PROVISIONING_STOPPED, "\n1 assigned, 1 refused\n"),
        (State.FAILED, Action.REQUEST_GIVEN_UP, '\n"1 assigned, 1 refused"\n'),
    ],
)
def test_only_what_a_person_wrote_is_quoted(
    trunk_request: TrunkRequest, state: State, action: Action, told: str
) -> None:
    place(trunk_request, state, action, "1 assigned, 1 refused")
    [letter] = deliver()
    assert told in letter.body


def test_a_later_state_does_not_change_what_is_told_of_an_earlier_one(trunk_request: TrunkRequest) -> None:
    place(trunk_request, State.PARTIAL, Action.PROVISIONING_SETTLED)
    TrunkRequest.objects.update(state=State.DONE)
    [letter] = deliver()
    assert letter.subject.startswith("Partly done")


def test_what_tells_nobody_anything_is_not_written_down(trunk_request: TrunkRequest) -> None:
    place(trunk_request, State.APPLYING, Action.PROVISIONING_STARTED)
    assert not Occasion.objects.exists()


@pytest.mark.parametrize("topic", [Topic.REMINDER, Topic.ESCALATED])
def test_a_reminder_says_who_filed_it(trunk_request: TrunkRequest, manager: User, topic: Topic) -> None:
    cast.person("Sam Supervisor", Role.SUPERVISOR)
    silence()
    occasions.note_once(topic, trunk_request, "again", {})
    letter = deliver()[0]
    assert "1 trunk for Adatum Logistics" in letter.subject
    assert "Stella Staff filed it" in letter.body


def test_names_with_line_breaks_cannot_add_a_header(trunk_request: TrunkRequest, supervisor: User) -> None:
    SubAccount.objects.update(name="Adatum\r\nBcc: someone@example.org\u202e")
    User.objects.filter(pk=trunk_request.filed_by_id).update(name="Stella\nTo: a@example.org")
    [letter] = deliver()
    assert letter.subject == (
        f"Stella To: a@example.org asks: 1 trunk for Adatum Bcc: someone@example.org, {trunk_request}"
    )
    assert letter.recipients() == [supervisor.email]
    assert "Bcc" not in dict(letter.message().items())


def test_a_subject_is_no_longer_than_mail_programs_show() -> None:
    assert len(letters.one_line("x " * 500)) == letters.SUBJECT_LENGTH


def test_the_link_survives_signing_in_and_only_opens_the_page(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    deliver()
    body = str(mail.outbox[-1].body)
    link = next(word for word in body.split() if word.startswith(PAGE)).removeprefix("http://127.0.0.1:8000")
    client = Client()
    response = client.get(link, follow=True)
    [(sign_in, _)] = response.redirect_chain
    assert sign_in == f"/accounts/login/?next={link}"
    form = {"login": supervisor.email, "password": cast.PASSWORD, "next": link}
    response = client.post(sign_in, form, follow=True)
    assert response.redirect_chain[-1] == (link, 302)
    assert response.status_code == 200
    assert trunk_request.reference in response.content.decode()
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.version) == ("pending", 1)


def test_a_lost_trunk_that_was_given_up_is_told_as_what_zooms_list_shows(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    TrunkRequest.objects.update(kind="change", state=State.FAILED)
    trunk_request.lines.update(current_dnis="18888777", without_trunk=True, state=LineState.GIVEN_UP)
    silence()
    occasions.note_lost(TrunkRequest.objects.get())
    [told] = [
        letter
        for letter in deliver()
        if "without a trunk" in letter.subject and supervisor.email in letter.to
    ]
    body = " ".join(told.body.split())
    assert "18888777 was removed. Zoom's list shows neither the new values" in body
    assert "and it was given up." in body
