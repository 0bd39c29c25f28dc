"""The words of the portal's letters: a subject that a person could have written, a few sentences, one link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from trunks.actions import Action
from trunks.models import Kind, Line, LineState, Notice, Occasion, State, Topic, TrunkRequest
from trunks.models.trunk_request import lines_with_trunks
from trunks.workflow import displaced, endings, waiting

SUBJECT_LENGTH = 200
MOST_LINES = 30


@dataclass(frozen=True)
class Letter:
    """What a letter says. A link only opens a page: mail scanners follow links, so none of them may do anything."""

    subject: str
    sentences: Sequence[str]
    url: str
    link: str = "Open the request"
    items: Sequence[str] = ()
    quote: str = ""
    because: str = ""
    carries: Sequence[int] = ()  # the held notices that this letter tells of


def address(name: str, *args: object) -> str:
    """Return the whole address of a page of the portal."""
    return settings.SITE_URL + reverse(name, args=list(args))


def one_line(text: str) -> str:
    """Return `text` as one line without control characters: a name must not add a header to a letter."""
    printable = (c if c.isprintable() else " " if c.isspace() else "" for c in text)
    return " ".join("".join(printable).split())[:SUBJECT_LENGTH]


def message(notice: Notice, letter: Letter) -> EmailMultiAlternatives:
    """Return `letter` as plain text and HTML, addressed to the notice's person alone."""
    context = {"letter": letter, "choices": address("notices"), "person": notice.user}
    # One id for all tries: a letter that went out right before its worker died is sent again, and mail programs
    # then show it once.
    host = urlsplit(settings.SITE_URL).hostname
    headers = {
        "Message-ID": f"<notice-{notice.pk}.{notice.made_at:%Y%m%d%H%M%S}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    text = render_to_string("trunks/mail/letter.txt", context)
    made = EmailMultiAlternatives(one_line(letter.subject), text, to=[notice.user.email], headers=headers)
    made.attach_alternative(render_to_string("trunks/mail/letter.html", context), "text/html")
    return made


def to_administrators(occasion: Occasion) -> Letter:
    """Return the letter about something of the portal's own that needs an administrator."""
    facts = occasion.facts
    return Letter(facts["subject"], [facts["text"]], url=facts["url"], link="Open the page")


def about_request(occasion: Occasion, trunk_request: TrunkRequest) -> Letter:
    """Return the letter about something that happened to a request."""
    lines = lines_with_trunks(trunk_request.pk)[:MOST_LINES]
    if gone := occasion.facts.get(displaced.GONE):
        return _with(
            _displaced(occasion, trunk_request), trunk_request, [f"DNIS {dnis} is gone" for dnis in gone]
        )
    made = _WORDS[Topic(occasion.topic)](occasion, trunk_request, what(trunk_request, len(lines)))
    if occasion.topic == Topic.LOST:
        lost = [line for line in lines if line.without_trunk]
        return _with(made, trunk_request, [_lost(line, trunk_request) for line in lost])
    return _with(made, trunk_request, [_line(line, trunk_request.kind) for line in lines])


def what(trunk_request: TrunkRequest, number: int) -> str:
    """Return what a request asks for, as people say it: `3 trunks for Adatum Logistics`."""
    trunks = "1 trunk" if number == 1 else f"{number} trunks"
    customer = trunk_request.sub_account
    if trunk_request.kind == Kind.UNASSIGN:
        return f"remove {trunks} of {customer}"
    return (
        f"change {trunks} of {customer}" if trunk_request.kind == Kind.CHANGE else f"{trunks} for {customer}"
    )


def _with(letter: tuple[str, list[str], str], trunk_request: TrunkRequest, items: list[str]) -> Letter:
    subject, sentences, quote = letter
    return Letter(
        subject=subject,
        sentences=sentences,
        url=address("request_detail", trunk_request.pk),
        items=items,
        quote=quote,
        because=f"It is about the master account {trunk_request.master}.",
    )


def _line(line: Line, kind: str) -> str:
    if kind == Kind.UNASSIGN:
        return f"DNIS {line.dnis} is removed"
    new = _values(line.dnis, line.outbound_caller_id)
    return f"DNIS {line.current_dnis} becomes {new}" if kind == Kind.CHANGE else new


def _values(dnis: str, caller_id: str) -> str:
    return f"DNIS {dnis}, caller ID {caller_id}" if caller_id else f"DNIS {dnis}, no caller ID"


def _lost(line: Line, trunk_request: TrunkRequest) -> str:
    new = _values(line.dnis, line.outbound_caller_id)
    old = _values(line.current_dnis, line.current_caller_id)
    neither = f"Neither the new values ({new}) nor the old ones ({old}) could be assigned."
    if trunk_request.is_working:
        neither = (
            f"Nothing is assigned in its place yet, neither the new values ({new}) nor the old ones ({old})."
        )
    elif line.state == LineState.GIVEN_UP:
        neither = (
            f"Zoom's list shows neither the new values ({new}) nor the old ones ({old}), and it was given up."
        )
    return f"{line.current_dnis} was removed. {neither} {line.detail}".strip()


Words = tuple[str, list[str], str]


def _asked(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    if occasion.facts.get("action") == Action.REQUEST_APPROVAL_GIVEN:
        return _one_more(occasion, trunk_request, asked)
    who = occasion.actor
    verb = "amended" if occasion.facts.get("action") == Action.REQUEST_AMENDED else "asks"
    sentences = ["A supervisor decides next; nothing has been sent to Zoom."]
    if trunk_request.ticket:
        sentences.append(f"Ticket {trunk_request.ticket}.")
    if window := _window(trunk_request):
        sentences.append(f"Approved or not, nothing is sent before {window}.")
    return f"{who} {verb}: {asked}, {trunk_request}", sentences, trunk_request.reason


def _window(trunk_request: TrunkRequest) -> str:
    """Return when the change window opens, while that is ahead; in UTC, since nobody knows where a letter is read."""
    opens = waiting.window_opens(trunk_request)
    return opens.astimezone(UTC).strftime("%-d %B %Y at %H:%M UTC") if opens else ""


def _one_more(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    sentences = [
        f"{_who(occasion)} approved it; it needs other approvals as well. Nothing has been sent to Zoom."
    ]
    return f"Another approval is needed: {asked}, {trunk_request}", sentences, trunk_request.reason


def _who(occasion: Occasion) -> str:
    """Return who acted and, where they stood in for somebody, for whom."""
    behalf = occasion.facts.get("for", "")
    return f"{occasion.actor}, on behalf of {behalf}," if behalf else str(occasion.actor)


def _reminder(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    sentence = f"{trunk_request.filed_by} filed it, and nobody has decided on it yet."
    return f"Still waiting for a decision: {asked}, {trunk_request}", [sentence], trunk_request.reason


def _escalated(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    sentences = [
        f"{trunk_request.filed_by} filed it. Those who can decide were told and reminded, and have not decided.",
        "You get this because you can decide on it, oversee who can, or can grant the role.",
    ]
    return f"Nobody has decided in time: {asked}, {trunk_request}", sentences, trunk_request.reason


_DECIDED = {
    Action.REQUEST_APPROVED: ("approved", "It goes to Zoom next. You will be told how it ended."),
    Action.REQUEST_DENIED: ("denied", ""),
    Action.REQUEST_SENT_BACK: ("sent back", "Amend it, and it goes to the supervisors again."),
    Action.REQUEST_WITHDRAWN: ("withdrew", "It does not go to Zoom."),
}


def _decided(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    comment = occasion.facts.get("comment", "")
    action = occasion.facts.get("action")
    if action == Action.REQUEST_EXPIRED:
        words = f"{endings.sentence(trunk_request.kind)} File it again if it is still needed."
        return f"Expired: {trunk_request}, {asked}", [comment, words], ""
    verb, next_step = _DECIDED[Action(action)]
    if action == Action.REQUEST_APPROVED and (window := _window(trunk_request)):
        next_step = f"It goes to Zoom when its change window opens, not before {window}. You will be told how it ended."
    if action in (Action.REQUEST_DENIED, Action.REQUEST_WITHDRAWN):
        next_step = f"{next_step} {endings.sentence(trunk_request.kind)}".strip()
    return f"{_who(occasion)} {verb} {trunk_request}: {asked}", [next_step], comment


_SETTLED = {
    State.DONE: ("Done", "Zoom's own list shows every line as it was asked for."),
    State.PARTIAL: (
        "Partly done",
        "Some lines are done at Zoom and some are not. The request says which and why.",
    ),
    State.FAILED: ("Failed", "What was asked for is not in place at Zoom. The request says why."),
    State.SENT_BACK: (
        "Sent back by the portal",
        "Something has changed since the approval, so nothing was sent."
        " Amend it, and it goes to the supervisors again.",
    ),
}
# An earlier run has sent something, say a change's removal, which somebody has undone in Zoom's console.
_STOPPED_LATER = (
    "Something has changed since the approval, so nothing more was sent; nothing of what was sent before is in place at"
    " Zoom. Amend it, and it goes to the supervisors again."
)


def _settled(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    state, comment = State(occasion.facts["state"]), occasion.facts.get("comment", "")
    how, sentence = _SETTLED[state]
    if state == State.SENT_BACK and trunk_request.sends:
        sentence = _STOPPED_LATER
    subject = f"{how}: {trunk_request}, {asked}"
    if occasion.facts.get("action") == Action.REQUEST_GIVEN_UP or not comment:
        return subject, [sentence], comment
    # In the portal's own words, so no quotation: how many lines ended how, or why nothing was sent.
    return subject, [sentence, comment if state == State.SENT_BACK else f"Lines: {comment}."], ""


def _unsettled(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    if occasion.facts["state"] == State.APPROVED:
        sentences = [
            "It is approved, and no try to carry it out has come to an end so far. The portal goes on trying.",
            f"What it waits for: {occasion.facts.get('comment', '')}",
        ]
        return f"Please look: {trunk_request} cannot be carried out so far, {asked}", sentences, ""
    sentences = [
        "Something was sent to Zoom and no clear answer came back. The portal goes on reading Zoom's list, and sends"
        " nothing again before it knows.",
        "Please look in Zoom's own console; the request offers to read the list now, and to give up.",
    ]
    return f"Please look: nobody knows what became of {trunk_request}, {asked}", sentences, ""


def _lost_trunk(occasion: Occasion, trunk_request: TrunkRequest, asked: str) -> Words:
    sentences = [
        f"{trunk_request.sub_account} is without a trunk (master account {trunk_request.master}).",
        "What to do now: open the request, which says whether a retry makes sense, or assign the trunk in Zoom's"
        " console. If the customer needs nothing in its place, end the alarm there.",
    ]
    if trunk_request.is_working:
        sentences[1] = (
            "The portal goes on by itself; the request says what it waits for. If that takes too long, assign the trunk"
            " in Zoom's console."
        )
    return f"{trunk_request}: {trunk_request.sub_account} is without a trunk", sentences, ""


def _displaced(occasion: Occasion, trunk_request: TrunkRequest) -> Words:
    sentences = [
        f"Trunks of {trunk_request.sub_account} (master account {trunk_request.master}) that this request did not touch"
        " were in Zoom's list before it was sent, and are not any more. Its call may have displaced them, or that"
        " of another request, or somebody has removed them in Zoom's console meanwhile.",
        "What to do now: look in Zoom's console, and assign there what the customer is to have. The portal sends"
        " nothing because of this.",
    ]
    return f"{trunk_request}: other trunks of {trunk_request.sub_account} are gone", sentences, ""


_WORDS: dict[Topic, Callable[[Occasion, TrunkRequest, str], Words]] = {
    Topic.ASKED: _asked,
    Topic.REMINDER: _reminder,
    Topic.ESCALATED: _escalated,
    Topic.DECIDED: _decided,
    Topic.SETTLED: _settled,
    Topic.UNSETTLED: _unsettled,
    Topic.LOST: _lost_trunk,
}
