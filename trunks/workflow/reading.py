"""Reading Zoom's list of a sub account, and writing down what it says about the lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Value

from trunks import audit, numbers
from trunks.compiled import Param, Rows
from trunks.models import (
    ASSIGNED_LINE_STATES,
    GOOD_LINE_STATES,
    Line,
    LineState,
    MasterTrunk,
    Phase,
    TrunkRequest,
    clock,
)
from trunks.workflow import outcomes, settling
from trunks.workflow.claims import Claim
from trunks.workflow.comparing import Finding, Likeness, compare, may_be_echo
from trunks.workflow.listing import tidy_up, write_down
from trunks.workflow.transitions import write_lines
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import Unreadable
from trunks.zoom.types import Trunk

Findings = dict[Line, Finding]
GONE_ONCE = "Zoom's list does not show what is to be removed; one more look."


@dataclass(frozen=True)
class Reading:
    """What Zoom's list of the sub account has shown, and the database's time when it was asked for."""

    rows: list[Trunk]
    read_at: datetime


def read_list(claim: Claim, client: ZoomClient) -> list[Trunk]:
    """Read Zoom's list of the sub account and take it into the estate. Raises ZoomError."""
    reading = ask_for_list(claim, client)
    take_in(claim, reading)
    return reading.rows


def ask_for_list(claim: Claim, client: ZoomClient) -> Reading:
    """Read Zoom's list of the sub account, for `take_in`. Raises ZoomError."""
    read_at = claim.glance.present()
    rows = client.list_trunks(claim.trunk_request.sub_account.zoom_id)
    if not all(row.dnis for row in rows):
        # Any of the lines could be the one that Zoom does not tell: nothing may be believed absent.
        raise Unreadable("Zoom's list names a trunk without its DNIS", doing="reading the trunks")
    if unclear := _unclear(claim.trunk_request, rows):
        raise Unreadable(unclear, doing="reading the trunks")
    return Reading(rows, read_at)


def take_in(claim: Claim, reading: Reading) -> None:
    """Take a list into the estate. What one left tidy a moment ago, the next one of the same claim leaves tidy."""
    account = claim.trunk_request.sub_account
    rows, read_at = reading.rows, reading.read_at
    with transaction.atomic(savepoint=False):
        before = write_down(account, rows, read_at)
        if before and not (claim.tidy and claim.glance.is_fresh):
            claim.tidy = tidy_up(account, rows, read_at, before) is None
    claim.saw({row.dnis[:64] for row in rows})


def _unclear(trunk_request: TrunkRequest, rows: Sequence[Trunk]) -> str:
    """Return which row may be one of the request's in another spelling, or "" when none may.

    Taken for absent it would be sent again, and assigned twice, or called refused although the customer has it.
    """
    asked = trunk_request.numbers.split()
    for row in rows:
        meant = next((dnis for dnis in asked if numbers.may_mean(row.dnis, dnis)), "")
        if meant and not _has_prefix(trunk_request.master_id, row.dnis):
            return f"Zoom's list has {row.dnis[:64]}, which may be {meant}"
    return ""


def _has_prefix(master: int, shown: str) -> bool:
    """Say whether `shown` is a number under the prefix of one of the master's trunks, and so that trunk's."""
    trunks = trunks_of(master) if numbers.is_digits(shown) else ()
    return any(trunk.prefix and shown.startswith(trunk.prefix) for trunk in trunks)


def trunks_of(master: int) -> list[MasterTrunk]:
    """Return the trunks of the master account with that key."""
    return _TRUNKS(master=master)


def look_up(
    lines: Iterable[Line], rows: Sequence[Trunk], siblings: Sequence[MasterTrunk] | None = None
) -> Findings:
    """Return what `rows` say about each of `lines`; `siblings` are all trunks of their master, if at hand."""
    # Read only when a row is not under the id of the line's own trunk.
    trunks = cache(lambda master: trunks_of(master) if siblings is None else siblings)
    findings = {line: compare(line, rows, partial(trunks, line.master_id)) for line in lines}
    doubted = [line for line, finding in findings.items() if may_be_echo(line, finding)]
    if doubted and _may_be_older(doubted[0].trunk_request_id):
        # While a list may still show what was removed, it tells nothing of it.
        findings |= dict.fromkeys(doubted, Finding(Likeness.UNMET, echo=True))
    return findings


def look_after(
    lines: Iterable[Line], rows: Sequence[Trunk], siblings: Sequence[MasterTrunk] | None = None
) -> Findings:
    """Return what `rows` say about `lines`, each of which was sent; for `siblings` see `look_up`.

    A row may be there before all its values are: the answer to an assignment does not name the caller ID either. Within
    the quiet period other values than were sent tell nothing, as absence does.
    """
    findings = look_up(lines, rows, siblings)
    odd = [line for line, finding in findings.items() if finding.likeness is Likeness.DIFFERENT]
    if odd and _may_be_older(odd[0].trunk_request_id):
        findings |= dict.fromkeys(odd, Finding(Likeness.UNMET, echo=True))
    return findings


def _may_be_older(pk: int) -> bool:
    """Say whether a list may be older than the last call of the request, which its object need not know of yet."""
    return TrunkRequest.objects.only("sent_at").get(pk=pk).could_still_land


def without_old_news(findings: Findings) -> Findings:
    """Return `findings`, leaving open those that contradict what the portal did there within the quiet period.

    Nothing was sent for these lines yet, or Zoom has not answered, so a single list would settle them; and that list
    may be older than one that was read before.
    """
    old = {
        line: Finding(Likeness.UNMET, echo=True) for line, found in findings.items() if _denies(line, found)
    }
    return findings | old


def _denies(line: Line, finding: Finding) -> bool:
    """Say whether a trunk assigned lately is missing from the list, or one removed lately is in it."""
    if finding.likeness is Likeness.UNMET:
        return False
    if line.state == LineState.UNKNOWN and line.answered:
        return False
    if line.sends and line.state != LineState.UNKNOWN:
        # Of a change that is retried the old values may have been put back a moment ago, unless they are missed.
        gone = line.phase == Phase.REMOVE and finding.likeness is Likeness.MET and not line.without_trunk
        return gone and line.trunk_request.could_still_land
    dnis, _ = line.target()
    lately = Line.objects.filter(
        trunk_request__sub_account=line.trunk_request.sub_account_id,
        trunk_request__sent_at__gt=clock.after(-settings.QUIET_SECONDS),
    )
    if line.phase == Phase.REMOVE:
        assigned = Q(dnis=dnis, state__in=ASSIGNED_LINE_STATES)
        put_back = Q(current_dnis=dnis, phase=Phase.RESTORE, state=LineState.REFUSED, without_trunk=False)
        return finding.likeness is Likeness.MET and lately.filter(assigned | put_back).exists()
    return lately.filter(current_dnis=dnis, state__in=GOOD_LINE_STATES).exists()


LANDED = Value(True)
_TRUNKS = Rows(lambda: MasterTrunk.objects.filter(master=Param("master")))


def echoed(findings: Findings) -> bool:
    """Say whether the list contradicts what was done before, and may be older than that."""
    return any(finding.echo for finding in findings.values())


def gone_once(claim: Claim, findings: Findings) -> dict[Line, float]:
    """Return the lines of which one list alone shows that what they are to remove is gone, and how long each waits.

    A list that is short by mistake would end a removal that was never made, or have a change assign a second trunk.
    Each line keeps by itself when a list first lacked it, since two lists that lack different trunks agree on none.
    What Zoom has said to be removed is not gone by a list's mistake, nor, while nothing is sent for it, what the
    customer is known to be without. May raise Fenced.
    """
    removing = {line: found for line, found in findings.items() if line.phase == Phase.REMOVE}
    gone = [
        line
        for line, found in removing.items()
        if found.likeness is Likeness.MET
        if not (line.answered or (line.without_trunk and line.state == LineState.NOT_SENT))
    ]
    there = [line for line in removing if line not in gone and line.absent_at]
    waits = {line: left for line in gone if (left := second_look_left(line)) is not None}
    first = [line for line in waits if line.absent_at is None]
    if first or there:
        with audit.change():
            claim.hold()
            write_lines(first, absent_at=clock.now())
            write_lines(there, absent_at=None)
    return waits


def second_look_left(seen: TrunkRequest | Line) -> float | None:
    """Return how many seconds to wait until another list can say as well that something is absent; None: it has.

    `seen` keeps when the first list said so: a line of what it removes, the request of all else that it waits for. One
    list is never enough, even where nothing has to lie between the two.
    """
    apart = settling.second_look_seconds()
    if seen.absent_at is None:
        return apart
    return clock.left(seen.absent_at, apart) or None


def unmet(findings: Findings) -> list[Line]:
    """Return the lines of which Zoom's list does not show what their phase wants."""
    return [line for line, finding in findings.items() if finding.likeness is Likeness.UNMET]


def write_findings(claim: Claim, findings: Findings) -> None:
    """Write the outcome of every line that Zoom's list settles; the others keep their state. May raise Fenced."""
    if not any(finding.tells for finding in findings.values()):
        return
    settled = [line for line, finding in findings.items() if finding.likeness is not Likeness.UNMET]
    # With other values than were sent it is somebody else's row, of which the other lines of the call learn nothing.
    other = Likeness.DIFFERENT
    landed = any(line.state == LineState.UNKNOWN and findings[line].likeness is not other for line in settled)
    with transaction.atomic(savepoint=False):
        claim.write(landed=LANDED if landed else F("landed"))
        write_outcomes(findings)


def write_outcomes(findings: Findings) -> None:
    """Write the outcome of every line, in a transaction that proves that the claim holds."""
    for line, finding in findings.items():
        outcomes.shown(line, finding)


def begin_again(claim: Claim, begun: Iterable[Line], rows: Sequence[Trunk]) -> bool:
    """Restart changes whose removed trunk is in the list again; say whether there are any.

    Somebody has assigned it in Zoom's console meanwhile, and the customer would have both trunks. Not done while the
    list may be an old one. May raise Fenced.
    """
    present = {row.dnis for row in rows}
    back = [
        line for line in begun if line.phase == Phase.ASSIGN and line.current_dnis in present - {line.dnis}
    ]
    if not back or _may_be_older(claim.trunk_request.pk):
        return False
    with transaction.atomic():
        claim.hold()
        outcomes.begun_again(back)
    return True


def refuse(claim: Claim, lines: Iterable[Line], detail: str) -> None:
    """Write down that what `lines` wanted did not happen, and why. May raise Fenced."""
    with transaction.atomic():
        claim.hold()
        outcomes.failed(lines, detail)
