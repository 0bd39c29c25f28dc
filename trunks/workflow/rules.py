"""What may be asked for: every rule about a request's content, answered all at once.

The form shows the answer beside its fields, `filing` demands it again, `review` and `provisioning` once more before
they act, and the database's constraints stand behind all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from trunks import numbers
from trunks.models import MAX_LINES, Kind, Line, ListedTrunk, MasterTrunk, SubAccount, TrunkRequest
from trunks.workflow.errors import Problems

REASON_MAX_LENGTH = 2000
TICKET_MAX_LENGTH = 60
KINDS = (Kind.ASSIGN,)


@dataclass(frozen=True)
class LineDraft:
    """One line as typed; `trunk` is None where none was chosen."""

    trunk: MasterTrunk | None
    dnis: str
    outbound_caller_id: str = ""

    def content(self) -> dict[str, str]:
        trunk = self.trunk.zoom_id if self.trunk else ""
        return {"trunk": trunk, "dnis": self.dnis, "outbound_caller_id": self.outbound_caller_id}


@dataclass(frozen=True)
class Draft:
    """What somebody asks for, before it is a request; `sub_account` is None where none was chosen."""

    sub_account: SubAccount | None
    kind: str
    reason: str
    ticket: str
    lines: Sequence[LineDraft]

    def content(self) -> dict[str, Any]:
        """Return what `content.content_of()` would return for the request made from this draft."""
        account = self.sub_account
        return {
            "master": account.master.zoom_id if account else "",
            "sub_account": account.zoom_id if account else "",
            "kind": self.kind,
            "lines": [line.content() for line in self.lines],
        }


def draft_of(trunk_request: TrunkRequest) -> Draft:
    """Return the request's present content as a draft, to be checked again or to be amended."""
    lines = trunk_request.lines.select_related("trunk").order_by("position")
    return Draft(
        sub_account=trunk_request.sub_account,
        kind=trunk_request.kind,
        reason=trunk_request.reason,
        ticket=trunk_request.ticket,
        lines=[LineDraft(line.trunk, line.dnis, line.outbound_caller_id) for line in lines],
    )


def problems(draft: Draft, *, amending: TrunkRequest | None = None, executing: bool = False) -> Problems:
    """Return every problem of `draft`, by form field. Holds of the request `amending` itself do not count.

    `executing` leaves out what Zoom last listed for the sub account itself: that is about to be read afresh, and what
    is there already is no problem then.
    """
    found: Problems = {}
    for name, sentence in _head_problems(draft):
        found.setdefault(name, []).append(sentence)
    if draft.sub_account is not None:
        taken = _taken(draft, draft.sub_account, amending, executing)
        for number, line in enumerate(draft.lines):
            for name, sentence in _line_problems(line, draft.sub_account, taken):
                found.setdefault(f"lines-{number}-{name}", []).append(sentence)
    return found


def _head_problems(draft: Draft) -> Iterable[tuple[str, str]]:
    if draft.sub_account is None:
        yield "sub_account", "Choose the sub account."
    elif draft.sub_account.gone_at:
        yield "sub_account", f"{draft.sub_account} is no longer among the sub accounts at Zoom."
    if draft.kind not in KINDS:
        yield "kind", "Choose what is to be done."
    yield from _text_problems(draft)
    yield from _count_problems(draft)


def _text_problems(draft: Draft) -> Iterable[tuple[str, str]]:
    if not draft.reason.strip():
        yield "reason", "Say why: the supervisor decides by it, and the audit trail keeps it."
    for name, value, most in (
        ("reason", draft.reason, REASON_MAX_LENGTH),
        ("ticket", draft.ticket, TICKET_MAX_LENGTH),
    ):
        yield from ((name, sentence) for sentence in text_problems(value, most))


def text_problems(value: str, most: int) -> Iterable[str]:
    """Yield why a text that somebody typed cannot be kept."""
    if len(value) > most:
        yield f"At most {most} characters; this has {len(value)}."
    if "\x00" in value:
        yield "The text holds a null character."


def _count_problems(draft: Draft) -> Iterable[tuple[str, str]]:
    if not draft.lines:
        yield "__all__", "Add at least one line."
    if len(draft.lines) > MAX_LINES:
        yield "__all__", f"Zoom takes at most {MAX_LINES} lines in one request; this has {len(draft.lines)}."
    twice = [dnis for dnis, count in Counter(line.dnis for line in draft.lines).items() if dnis and count > 1]
    if twice:
        yield "__all__", f"The same DNIS stands in more than one line: {', '.join(sorted(twice))}."


def _taken(
    draft: Draft, account: SubAccount, amending: TrunkRequest | None, executing: bool
) -> dict[str, str]:
    """Return, for each DNIS of the draft that is not free, the sentence that says who has it."""
    counts = Counter(line.dnis for line in draft.lines)
    taken = {dnis: f"{dnis} stands in more than one line." for dnis in counts if dnis and counts[dnis] > 1}
    # What is no DNIS is nobody's; a null character in a query would be PostgreSQL's error, not the person's.
    wanted = [dnis for dnis in counts if numbers.is_digits(dnis)]
    listed = ListedTrunk.objects.filter(master=account.master_id, dnis__in=wanted, gone_at=None)
    if executing:
        listed = listed.exclude(sub_account=account)
    for row in listed.select_related("sub_account"):
        taken[row.dnis] = f"{row.dnis} is already assigned to {row.sub_account} at Zoom."
    held = Line.objects.filter(master=account.master_id, dnis__in=wanted).exclude(hold="")
    if amending is not None:
        held = held.exclude(trunk_request=amending)
    for line in held.select_related("trunk_request__sub_account"):
        other = line.trunk_request
        taken[line.dnis] = (
            f"{line.dnis} is taken by {other.reference} for {other.sub_account}"
            f" ({other.get_state_display().lower()})."
        )
    return taken


def _line_problems(line: LineDraft, account: SubAccount, taken: dict[str, str]) -> Iterable[tuple[str, str]]:
    if line.trunk is None:
        yield "trunk", "Choose the trunk."
    elif line.trunk.master_id != account.master_id:
        yield "trunk", f"{line.trunk} belongs to another master account than {account}."
    elif line.trunk.gone_at:
        yield "trunk", f"{line.trunk} is no longer among the master account's trunks at Zoom."
    else:
        yield from (("dnis", sentence) for sentence in _dnis_problems(line.dnis, line.trunk.prefix))
    if line.dnis in taken:
        yield "dnis", taken[line.dnis]
    for sentence in numbers.caller_id_problems(line.outbound_caller_id):
        yield "outbound_caller_id", sentence


def _dnis_problems(dnis: str, prefix: str) -> list[str]:
    return numbers.dnis_problems(
        dnis, prefix, prefix_length=settings.DNIS_PREFIX_LENGTH, max_length=settings.DNIS_MAX_LENGTH
    )
