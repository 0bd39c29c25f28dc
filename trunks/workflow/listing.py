"""Taking Zoom's list of a sub account's trunks into the estate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, DurationField, Exists, Q, QuerySet

from trunks import numbers
from trunks.compiled import Param, Values
from trunks.compiled_writing import Inserts, Updates
from trunks.models import (
    ASSIGNED_LINE_STATES,
    WORKING_STATES,
    Hold,
    Line,
    ListedTrunk,
    SubAccount,
    Topic,
    TrunkRequest,
    clock,
)
from trunks.models.lines import LineQuerySet
from trunks.workflow import occasions
from trunks.workflow.patience import patiently, through_limits
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

LOOKS = 3  # at a list that lacks something new each time
AT_ONCE = 50  # rows that are written by one statement
GIVEN_UP_SHOWN = "Zoom's list has shown it since: it is assigned."
GIVEN_UP_GONE = "Zoom, asked twice since, does not know the sub account any more: its DNIS is free again."
GIVEN_UP_ABSENT = "Zoom's list, read twice since, does not show it: its DNIS is free again."
# Zoom's no to these is about the account that is read, or one of its answers cannot be had.
ABOUT_ONE = (
    errors.NotEnrolled,
    errors.AccountNotFound,
    errors.NotMaster,
    errors.NoTrunkConfigs,
    errors.Refused,
    errors.InvalidParameter,
)
FAILED = (errors.NoAnswer, errors.ServerError, errors.Unreadable)


def take_in(account: SubAccount, rows: Sequence[Trunk], read_at: datetime) -> list[ListedTrunk]:
    """Make the estate show `rows`, read at the database's time `read_at`, and return those that vanished.

    Zoom does not say how soon a list shows a change, so a row counts as vanished only when it was last seen longer ago
    than the quiet period: a list that lags behind an assignment must not give the DNIS away. And the list before must
    have lacked it too: one that is short by mistake must not either. Of a list that was asked for before the last one
    that was taken in, only rows count that nobody knew.
    """
    with transaction.atomic():
        before = write_down(account, rows, read_at)
        return (tidy_up(account, rows, read_at, before) or []) if before else []


def write_down(account: SubAccount, rows: Sequence[Trunk], read_at: datetime) -> datetime | None:
    """Do the first half of `take_in`, in the caller's transaction.

    Return when the list before was read, the very first being its own, if `tidy_up` is to follow, else None.
    """
    before = account.trunks_read_at
    # First, so that two readings at once are taken in one after the other.
    if not _ACCOUNT.update(_at(account, read_at), trunks_read_at=read_at, trunks_problem=""):
        account.refresh_from_db(fields=["trunks_read_at"])
        known = set(ListedTrunk.objects.filter(sub_account=account).values_list("zoom_id", "dnis"))
        _write(account, [row for row in rows if (row.id, row.dnis[:64]) not in known], read_at)
        return None
    account.trunks_read_at = read_at
    _write(account, rows, read_at)
    return before or read_at


def tidy_up(
    account: SubAccount, rows: Sequence[Trunk], read_at: datetime, before: datetime
) -> list[ListedTrunk] | None:
    """Do the second half of `take_in`: return what vanished, or None where there was nothing to tidy up at all."""
    # One question for all three, since most lists leave nothing.
    long_ago = read_at - timedelta(seconds=settings.QUIET_SECONDS)
    unseen = min(long_ago, before - timedelta(microseconds=1))
    [(some_overdue, some_given_up, some_missed)] = _UNTIDY(account=account.pk, unseen=unseen)
    if not (some_overdue or some_given_up or some_missed):
        return None
    vanished = _let_go(account, _overdue(account.pk, unseen), rows, read_at) if some_overdue else []
    if some_given_up:
        settle_given_up(account, [row.dnis for row in rows], read_at)
    if some_missed:
        _end_alarms(account, [row.dnis for row in rows], long_ago)
        _tell_of_lost(account, vanished)
    return vanished


def read_account(account: SubAccount, client: ZoomClient, *, may_fail: bool) -> bool:
    """Read one sub account's trunks into the estate, and say whether Zoom answered.

    What is wrong with that account alone does not stop the others. A call that fails is the account's own trouble as
    well while it `may_fail`: when others before it have failed too, Zoom is down, and the reading ends.
    """
    asked_at = clock.read()
    try:
        # What one list lacks may be there all the same; what two lack is gone.
        for _ in range(LOOKS):
            if not _lacks_anew(account, client):
                break
    except (*ABOUT_ONE, *FAILED) as error:
        failed = isinstance(error, FAILED)
        if failed and not may_fail:
            raise
        note_problem(account, sentence(error), asked_at)
        if account.gone_at and isinstance(error, errors.AccountNotFound):
            settle_given_up(account, [], asked_at, absent_words=GIVEN_UP_GONE)
        return not failed
    return True


def _lacks_anew(account: SubAccount, client: ZoomClient) -> bool:
    """Read the account's list into the estate, and say whether it lacks what the one before has shown."""
    before = account.trunks_read_at
    read_at, rows = patiently(lambda: (clock.read(), client.list_trunks(account.zoom_id, through_limits)))
    take_in(account, rows, read_at)
    shown = ListedTrunk.objects.filter(sub_account=account, gone_at=None, last_seen_at__lt=read_at)
    return before is not None and shown.filter(last_seen_at__gte=before).exists()


def note_problem(account: SubAccount, problem: str, asked_at: datetime) -> None:
    """Write down why Zoom's list, asked for at `asked_at`, could not be read, unless a younger one was."""
    _ACCOUNT.update(_at(account, asked_at), trunks_problem=problem)


def _at(account: SubAccount, read_at: datetime) -> dict[str, Any]:
    return {"account": account.pk, "read_at": read_at, "ahead": timedelta(seconds=1)}


def forget(account: SubAccount, dnis: str) -> None:
    """Mark `dnis` gone at once: the portal itself removed it, and Zoom's list no longer shows it."""
    rows = ListedTrunk.objects.filter(sub_account=account, dnis=dnis, gone_at=None)
    rows.update(gone_at=clock.now())
    release_assigned(account, [dnis])
    # A request that is under way has assigned it and waits with other lines: it must not miss it, and send it again.
    shown = Line.objects.filter(trunk_request__sub_account=account, dnis=dnis, hold=Hold.HELD)
    shown.filter(state__in=ASSIGNED_LINE_STATES).update(hold=Hold.NONE)


def release_assigned(account: SubAccount, dnis: Sequence[str]) -> None:
    """Let go of DNIS that the sub account no longer has at Zoom."""
    lines = Line.objects.filter(trunk_request__sub_account=account, dnis__in=dnis, hold=Hold.ASSIGNED)
    lines.update(hold=Hold.NONE)


def settle_given_up(
    account: SubAccount, shown: Sequence[str], read_at: datetime, *, absent_words: str = GIVEN_UP_ABSENT
) -> None:
    """Find out what became of the DNIS of lines that people gave up: Zoom's list, read at `read_at`, has `shown`.

    What it shows is assigned. What it does not show becomes free after two such lists, since one could lag behind.
    """
    absent = _given_up(account.pk)
    absent.filter(hold=Hold.UNKNOWN, dnis__in=shown).update(hold=Hold.ASSIGNED, detail=GIVEN_UP_SHOWN)
    absent.filter(removing=True, current_dnis__in=shown).update(removing=False, detail=GIVEN_UP_SHOWN)
    quiet = read_at - timedelta(seconds=settings.QUIET_SECONDS)
    absent.filter(absent_at__lte=quiet).update(hold=Hold.NONE, removing=False, detail=absent_words)
    absent.filter(absent_at=None, trunk_request__sent_at__lte=quiet).update(absent_at=read_at)


def _end_alarms(account: SubAccount, shown: Sequence[str], long_ago: datetime) -> None:
    """End for good the alarms of lines that have a trunk again, so that removing that one later raises none.

    Zoom's list, which has `shown` it, was read at least the quiet period after the request's last call, so it is not
    older than that call.
    """
    passed = Q(trunk_request__sent_at=None) | Q(trunk_request__sent_at__lte=long_ago)
    missed = _missed(account.pk).filter(passed)
    missed.filter(current_dnis__in=shown).update(without_trunk=False)
    missed.filter(dnis__in=shown).miss_no_more()


def _tell_of_lost(account: SubAccount, vanished: Sequence[ListedTrunk]) -> None:
    """Have people told of the alarms that begin because these are gone: a removal may land after it was given up."""
    dnis = {row.dnis for row in vanished}
    lines = _missed(account.pk).lost().filter(Q(dnis__in=dnis) | Q(current_dnis__in=dnis))
    for trunk_request in TrunkRequest.objects.filter(lines__in=lines).distinct() if dnis else ():
        key = f"{Topic.LOST}:{trunk_request.pk}:{trunk_request.version}:gone"
        occasions.note_once(Topic.LOST, trunk_request, key, {})


def _missed(account: int | Param) -> LineQuerySet:
    """Return the lines with an alarm whose requests have ended; a worker sees to the others when it ends them."""
    marked = Line.objects.filter(without_trunk=True, trunk_request__sub_account=account)
    return marked.exclude(trunk_request__state__in=WORKING_STATES)


def _given_up(account: int | Param) -> QuerySet[Line]:
    return Line.objects.doubtful().filter(trunk_request__sub_account=account)


def _overdue(account: int | Param, unseen: datetime | Param) -> QuerySet[ListedTrunk]:
    """Return what the estate shows although no list after `unseen` has shown it."""
    return ListedTrunk.objects.filter(sub_account=account, gone_at=None, last_seen_at__lte=unseen)


_PLACE, _UNSEEN = Param("account"), Param("unseen", DateTimeField())
_UNTIDY = Values(
    lambda: SubAccount.objects.filter(pk=_PLACE).values_list(
        Exists(_overdue(_PLACE, _UNSEEN)), Exists(_given_up(_PLACE)), Exists(_missed(_PLACE))
    )
)
_READ_AT = Param("read_at", DateTimeField())
_AHEAD = Param("ahead", DurationField())
_ACCOUNT = Updates(
    lambda: SubAccount.objects.filter(
        # A time that is still to come is from before the database's clock was set back. SQLite compares texts, for
        # which a time with more digits is later than the same with fewer; a second is more than that.
        Q(trunks_read_at=None) | Q(trunks_read_at__lte=_READ_AT) | Q(trunks_read_at__gt=clock.after(_AHEAD)),
        pk=_PLACE,
    )
)


def _let_go(
    account: SubAccount, overdue: QuerySet[ListedTrunk], rows: Sequence[Trunk], read_at: datetime
) -> list[ListedTrunk]:
    found = {(row.id, row.dnis[:64]) for row in rows}
    vanished = [row for row in overdue if (row.zoom_id, row.dnis) not in found]
    ListedTrunk.objects.filter(pk__in=[row.pk for row in vanished]).update(gone_at=read_at)
    # What is listed under another id now is there all the same.
    release_assigned(account, list({row.dnis for row in vanished} - {dnis for _, dnis in found}))
    return vanished


def _write(account: SubAccount, rows: Sequence[Trunk], read_at: datetime) -> None:
    found = {(row.id, row.dnis[:64]): row for row in rows}
    made = [
        ListedTrunk(
            master_id=account.master_id,
            sub_account=account,
            zoom_id=row.id,
            dnis=dnis,
            name=row.name[:255],
            sip_server_address=row.sip_server_address[:255],
            number_prefix=row.number_prefix[:64],
            outbound_caller_id=_kept(row.outbound_caller_id),
            first_seen_at=read_at,
            last_seen_at=read_at,
        )
        for (_, dnis), row in found.items()
    ]
    for beginning in range(0, len(made), AT_ONCE):
        _SEEN.insert(*made[beginning : beginning + AT_ONCE])


def _kept(caller_id: str | None) -> str | None:
    """Return a caller ID as the estate has room for it: cut in its number it would be taken for another one."""
    return numbers.caller_id_to_send(caller_id) if caller_id and len(caller_id) > 64 else caller_id


_SEEN = Inserts(
    ListedTrunk,
    unique=("sub_account", "zoom_id", "dnis"),
    update=(
        "name",
        "sip_server_address",
        "number_prefix",
        "outbound_caller_id",
        "last_seen_at",
        "gone_at",
    ),
)
