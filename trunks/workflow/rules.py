"""What may be asked for: every rule about a request's content, answered all at once.

The form shows the answer beside its fields, `filing` demands it again, `review` and `provisioning` once more before
they act, and the database's constraints stand behind all of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db.models import Q

from trunks import numbers
from trunks.compiled import Param, Rows, named, several
from trunks.models import (
    MAX_LINES,
    Hold,
    Kind,
    Line,
    ListedTrunk,
    MasterTrunk,
    State,
    SubAccount,
    TrunkRequest,
)
from trunks.workflow.drafts import Draft, LineDraft, present_caller_ids
from trunks.workflow.errors import Problems

REASON_MAX_LENGTH = 2000
TICKET_MAX_LENGTH = 60
MOVE_IT = "To move it, file its unassignment and an assignment."
WAIT = "Nobody knows yet what became of that; once it is settled, the DNIS can be removed."
# Letters and signs to Unicode, of which nothing is drawn.
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"


def problems(draft: Draft, *, amending: TrunkRequest | None = None, executing: bool = False) -> Problems:
    """Return every problem of `draft`, by form field. Holds of the request `amending` itself do not count.

    `executing` leaves out what Zoom last listed for the sub account itself: that is about to be read afresh, and what
    is there already is no problem then.
    """
    found: Problems = {}
    for name, sentence in _head_problems(draft):
        found.setdefault(name, []).append(sentence)
    if draft.sub_account is not None:
        look = _Look.at(draft, draft.sub_account, amending, executing=executing)
        earlier: set[tuple[str, str]] = set()
        for number, line in enumerate(draft.lines):
            for name, sentence in _line_problems(line, look, earlier):
                found.setdefault(f"lines-{number}-{name}", []).append(sentence)
            earlier |= {("dnis", line.dnis), ("current_dnis", line.current_dnis)}
    return found


def _head_problems(draft: Draft) -> Iterable[tuple[str, str]]:
    if draft.sub_account is None:
        yield "sub_account", "Choose the sub account."
    elif draft.sub_account.gone_at:
        yield "sub_account", f"{draft.sub_account} is no longer among the sub accounts at Zoom."
    if draft.kind not in Kind.values:
        yield "kind", "Choose what is to be done."
    yield from _text_problems(draft)
    yield from _count_problems(draft)


def _text_problems(draft: Draft) -> Iterable[tuple[str, str]]:
    if says_nothing(draft.reason):
        yield "reason", "Say why: the supervisor decides by it, and the audit trail keeps it."
    for name, value, most in (
        ("reason", draft.reason, REASON_MAX_LENGTH),
        ("ticket", draft.ticket, TICKET_MAX_LENGTH),
    ):
        yield from ((name, sentence) for sentence in text_problems(value, most))


def says_nothing(text: str) -> bool:
    """Say whether nothing of a text can be seen: spaces of any kind, and characters without a width, are no reason."""
    return all(unicodedata.category(sign)[0] in "ZCM" or sign in _BLANK for sign in text)


# Of all that turn the direction of writing, it alone shows 18888123 as 32188881. Others come with phone numbers that
# are copied out of address books, and do no harm.
_BACKWARDS = "\u202e"


def text_problems(value: str, most: int) -> Iterable[str]:
    """Yield why a text that somebody typed cannot be kept."""
    if len(value) > most:
        yield f"At most {most} characters; this has {len(value)}."
    if "\x00" in value:
        yield "The text holds a null character."
    if _BACKWARDS in value:
        yield "The text holds the character U+202E, which shows what follows backwards, numbers as well."


def _count_problems(draft: Draft) -> Iterable[tuple[str, str]]:
    if not draft.lines:
        yield "__all__", "Add at least one line."
    if len(draft.lines) > MAX_LINES:
        yield "__all__", f"Zoom takes at most {MAX_LINES} lines in one request; this has {len(draft.lines)}."


@dataclass(frozen=True)
class _Look:
    """What the lines of one draft are held against, read in few queries.

    `taken` and `removed` say in a sentence who has a DNIS, or is about to remove it or may have assigned it, `kept` who
    would keep it although it were removed from the sub account; `through` is by which trunk the portal has assigned it
    there; `present` maps what Zoom last listed for that account to its caller ID, or is None where that is about to be
    read afresh.
    """

    account: SubAccount
    kind: str
    taken: dict[str, str]
    removed: dict[str, str]
    kept: dict[str, str]
    through: dict[str, MasterTrunk]
    present: dict[str, str | None] | None

    @classmethod
    def at(
        cls, draft: Draft, account: SubAccount, amending: TrunkRequest | None, *, executing: bool
    ) -> _Look:
        wanted = _wanted(line.dnis for line in draft.lines)
        current = _wanted(line.current_dnis for line in draft.lines)
        taken = _listed(wanted, account, executing=executing)
        removed, kept, through = dict[str, str](), dict[str, str](), dict[str, MasterTrunk]()
        for line in _rivals(account, amending, sorted(wanted), sorted(current)):
            if line.hold:
                taken[line.dnis] = _who_has(line.dnis, line)
                if line.hold != Hold.ASSIGNED or line.trunk_request.sub_account_id != account.pk:
                    kept[line.dnis] = taken[line.dnis]
                else:
                    through[line.dnis] = line.trunk
                if _may_be_sent_again(line, account):
                    removed[line.dnis] = f"{taken[line.dnis]} {WAIT}"
            if line.removing:
                taken[line.current_dnis] = removed[line.current_dnis] = _who_has(line.current_dnis, line)
        fresh = executing or draft.kind == Kind.ASSIGN
        present = None if fresh else present_caller_ids(draft)
        return cls(account, draft.kind, taken, removed, kept, through, present)


def _rivals(
    account: SubAccount, amending: TrunkRequest | None, wanted: list[str], current: list[str]
) -> list[Line]:
    """Return the lines of other requests that have, hold or are about to remove one of the DNIS."""
    if not (wanted or current):
        return []
    given = {"master": account.master_id, "amending": amending.pk if amending else 0}
    dnis = named("wanted", wanted) | named("current", current)
    return _rivals_of(len(wanted), len(current))(**given, **dnis)


@cache
def _rivals_of(wanted: int, current: int) -> Rows[Line]:
    wants, has = several("wanted", wanted), several("current", current)
    either = [*wants, *has]
    holding = Q(dnis__in=either) & ~Q(hold="")
    removing = Q(removing=True, current_dnis__in=either)
    return Rows(
        lambda: (
            Line.objects.filter(holding | removing, master=Param("master"))
            .exclude(trunk_request=Param("amending"))
            .select_related("trunk", "trunk_request__sub_account")
        )
    )


def _may_be_sent_again(line: Line, account: SubAccount) -> bool:
    """Say whether the line's request, not seeing its DNIS in the list any more, would take it for never assigned."""
    other = line.trunk_request
    return line.hold == Hold.HELD and other.state == State.UNCONFIRMED and other.sub_account_id == account.pk


def _wanted(dnis: Iterable[str]) -> set[str]:
    # A null character in a query would be PostgreSQL's error and not the person's.
    longest = numbers.CALLER_ID_MAX_LENGTH
    return {number for number in dnis if number and len(number) <= longest and "\x00" not in number}


def _listed(wanted: set[str], account: SubAccount, *, executing: bool) -> dict[str, str]:
    if not wanted:
        return {}
    given = {"master": account.master_id, "besides": account.pk if executing else 0}
    return {
        row.dnis: f"{row.dnis} is already assigned to {row.sub_account} at Zoom."
        for row in _listed_of(len(wanted))(**given, **named("wanted", wanted))
    }


@cache
def _listed_of(wanted: int) -> Rows[ListedTrunk]:
    wants = several("wanted", wanted)
    return Rows(
        lambda: (
            ListedTrunk.objects.filter(master=Param("master"), dnis__in=wants, gone_at=None)
            .exclude(sub_account=Param("besides"))
            .select_related("sub_account")
        )
    )


def others_have(dnis: str, trunk_request: TrunkRequest) -> str:
    """Return in a sentence which other sub account has `dnis`, at Zoom as last read or by a request, or ""."""
    account = trunk_request.sub_account
    for line in _rivals(account, trunk_request, [dnis], []):
        if line.hold and line.trunk_request.sub_account_id != account.pk:
            return _who_has(dnis, line)
    return _listed({dnis}, account, executing=True).get(dnis, "")


def _who_has(dnis: str, line: Line) -> str:
    other = line.trunk_request
    state = other.get_state_display().lower()
    return f"{dnis} is taken by {other.reference} for {other.sub_account} ({state})."


def _line_problems(
    line: LineDraft, look: _Look, earlier: Container[tuple[str, str]]
) -> Iterable[tuple[str, str]]:
    """Yield what is wrong with a line; that it repeats one of the `earlier` is said of the later one alone."""
    yield from _trunk_problems(line, look)
    removed = look.removed.get(line.current_dnis) or _again("current_dnis", line.current_dnis, earlier)
    if look.kind == Kind.UNASSIGN:
        yield from (("dnis", sentence) for sentence in _removal_problems(line, look, removed))
        return
    if look.kind == Kind.CHANGE:
        yield from (("current_dnis", sentence) for sentence in _removal_problems(line, look, removed))
        yield from _change_problems(line, look)
    stays, again = line.dnis == line.current_dnis, _again("dnis", line.dnis, earlier)
    if not stays and line.dnis in look.taken:
        yield "dnis", look.taken[line.dnis]
    elif again and not (stays and removed):  # what is wrong with the present DNIS has been said
        yield "dnis", again
    for sentence in numbers.caller_id_problems(line.outbound_caller_id):
        yield "outbound_caller_id", sentence


def _again(name: str, dnis: str, earlier: Container[tuple[str, str]]) -> str:
    return f"{dnis} is in an earlier line already." if dnis and (name, dnis) in earlier else ""


def _trunk_problems(line: LineDraft, look: _Look) -> Iterable[tuple[str, str]]:
    if line.trunk is None:
        yield "trunk", "Choose the trunk."
        yield from (("dnis", sentence) for sentence in _dnis_problems(line.dnis, None))
    elif line.trunk.master_id != look.account.master_id:
        yield "trunk", f"{line.trunk} belongs to another master account than {look.account}."
    elif look.kind == Kind.UNASSIGN:
        return
    elif line.trunk.gone_at:
        yield "trunk", f"{line.trunk} is no longer among the master account's trunks at Zoom."
    else:
        yield from (("dnis", sentence) for sentence in _dnis_problems(line.dnis, line.trunk.prefix))


def _removal_problems(line: LineDraft, look: _Look, removed: str) -> Iterable[str]:
    if not line.current_dnis:
        yield "Enter the DNIS that the sub account has now."
    elif look.present is not None and line.current_dnis not in look.present:
        yield f"{line.current_dnis} is not among the trunks of {look.account} at Zoom, as last read."
    elif removed:
        yield removed


def _change_problems(line: LineDraft, look: _Look) -> Iterable[tuple[str, str]]:
    prefix = line.trunk.prefix if line.trunk else ""
    known = look.present is None or line.current_dnis in look.present
    if line.current_dnis and known and not line.current_dnis.startswith(prefix):
        # Once removed it could not be assigned again through this trunk if Zoom refused the new values.
        yield (
            "trunk",
            f"{line.current_dnis} does not begin with {prefix}, the prefix of this trunk, so it is on another one."
            f" {MOVE_IT}",
        )
    elif (trunk := look.through.get(line.current_dnis)) and trunk != line.trunk and not trunk.gone_at:
        yield "trunk", f"{line.current_dnis} was assigned through {trunk}. {MOVE_IT}"
    if line.dnis == line.current_dnis and line.dnis in look.kept:
        # Removed, it could be held for nobody, and the change could go neither on nor back.
        yield "dnis", look.kept[line.dnis]
    if look.present is None or line.dnis != line.current_dnis:
        return
    shown = look.present.get(line.dnis)
    if shown is not None and numbers.caller_id_key(shown) == numbers.caller_id_key(line.outbound_caller_id):
        yield "dnis", f"Nothing would change: {line.dnis} has this caller ID already."


def _dnis_problems(dnis: str, prefix: str | None) -> list[str]:
    return numbers.dnis_problems(
        dnis, prefix, prefix_length=settings.DNIS_PREFIX_LENGTH, max_length=settings.DNIS_MAX_LENGTH
    )
