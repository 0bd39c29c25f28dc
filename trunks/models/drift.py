"""Where Zoom's lists, as last read, and what the portal's finished requests say of them do not agree.

All of it is asked about rows of Zoom's lists: what vanished is marked gone there and never deleted, so that each
difference, a missing trunk included, has a row to be found by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from trunks.apps import SQLITE_CALLER_ID_KEY
from trunks.models import clock
from trunks.models.choices import ASSIGNED_LINE_STATES, OPEN_STATES, Hold, Kind, LineState, Phase
from trunks.models.estate import ListedTrunk, SubAccount
from trunks.models.trunk_request import Line


class Drift(models.TextChoices):
    MISSING = "missing", "Missing at Zoom"
    DIFFERENT = "different", "Other caller ID at Zoom"
    STILL_THERE = "still_there", "Still at Zoom"
    TWICE = "twice", "Listed twice"
    REFUSED = "refused", "Refused, yet at Zoom"
    NOT_FILED = "not_filed", "Not filed here"


# Of an estate that was just connected everything is of the other kind.
ALARMING = (Drift.MISSING, Drift.DIFFERENT, Drift.STILL_THERE, Drift.TWICE, Drift.REFUSED)
AGREED = ""
# What vanished and was not assigned again since is as people want it; nothing else would ever end its place here.
MISSED_DAYS = 90


class CallerIdKey(Func):
    """`numbers.caller_id_key` of a column: on SQLite that function itself, on PostgreSQL the same in its own words."""

    arity = 1
    function = SQLITE_CALLER_ID_KEY
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        words = "%(expressions)s"
        for pattern, how in (
            (r"^(.*?[^0-9a-z_])??(sips?|tel):", "i"),
            (r"([@>?]|;(?!ext=)).*", "i"),
            (r"[^0-9+]", "g"),
            (r"^00|\+", "g"),
        ):
            words = f"regexp_replace({words}, '{pattern}', '', '{how}')"
        return self.as_sql(compiler, connection, template=words, **extra)


def readable(accounts: QuerySet[SubAccount]) -> QuerySet[SubAccount]:
    """Return the sub accounts of which something can be claimed: they are there, and their last reading went well."""
    return accounts.filter(gone_at=None, trunks_problem="").exclude(trunks_read_at=None)


def unread(accounts: QuerySet[SubAccount]) -> QuerySet[SubAccount]:
    """Return the sub accounts at Zoom of which nothing can be claimed: never read, or not the last time."""
    return accounts.filter(~Q(trunks_problem="") | Q(trunks_read_at=None), gone_at=None)


def drifting(
    accounts: QuerySet[SubAccount], kinds: Sequence[str], *, many: bool = False
) -> QuerySet[ListedTrunk]:
    """Return the rows of Zoom's lists of `accounts` with one of `kinds`, each with `drift` and `word`.

    `many` is for more than a few accounts: which rows can drift at all is asked once, and not of each row.
    `word` is the primary key of the line that has the portal's last word, or None. Nothing is claimed of a DNIS that
    an open request is about, nor of a row that the newest list does not show but that is not yet believed to be gone.
    """
    if set(kinds) == {Drift.NOT_FILED}:
        return _not_filed(accounts)
    shown = Q(gone_at=None, last_seen_at__gte=F("sub_account__trunks_read_at"))
    vanished = Q(~Exists(_instead()), gone_at__gte=clock.after(-86_400 * MISSED_DAYS))
    rows = ListedTrunk.objects.filter(shown | vanished, ~Exists(_open()), sub_account__in=readable(accounts))
    word = Coalesce(*(Subquery(lines.values("pk")[:1]) for lines in (_holders(), _words(), _refused())))
    if many and Drift.NOT_FILED not in kinds:
        rows = rows.filter(_spoken_of())
    found = rows.exclude(dnis="").annotate(drift=_drift(), word=word)
    return found.filter(drift__in=kinds).select_related("sub_account__master")


def _not_filed(accounts: QuerySet[SubAccount]) -> QuerySet[ListedTrunk]:
    """Return what `drifting` judges to be not filed here, asked for as what it is not.

    Of an estate that was just connected that is every row. A verdict on each row PostgreSQL gives for all of them, as
    it expects hardly any to fit; so put, it goes through them by DNIS and stops at the end of the page. Within a CASE,
    because of what is merely not there it makes a join, and expects one row again.
    """
    ended = Q(state=LineState.GIVEN_UP) | Q(trunk_request__state__in=OPEN_STATES)
    refused = _NOT_ASSIGNED & Q(trunk_request__changed_at__lt=OuterRef("first_seen_at"))
    named = Exists(_lines().filter(_ABOUT & ended | _ASSIGNED | _RESTORED | _REMOVED | refused))
    found = (named, Exists(listed_elsewhere()), _listed_again(OuterRef))
    told = Case(*(When(one, then=True) for one in found), default=False, output_field=BooleanField())
    shown = Q(gone_at=None, last_seen_at__gte=F("sub_account__trunks_read_at"))
    # Not `in`, where SQLite would begin with the accounts, and come to every row.
    rows = ListedTrunk.objects.filter(
        shown, ~told, Exists(readable(accounts).filter(pk=OuterRef("sub_account")))
    )
    said = {"drift": Value(Drift.NOT_FILED.value), "word": Value(None, output_field=IntegerField())}
    return rows.exclude(dnis="").annotate(**said).select_related("sub_account__master")


def listed_elsewhere() -> QuerySet[ListedTrunk]:
    """Return, inside a question about rows, what other sub accounts of the row's master have under its DNIS."""
    same = ListedTrunk.objects.filter(master=OuterRef("master"), dnis=OuterRef("dnis"), gone_at=None)
    believed = same.filter(sub_account__in=readable(SubAccount.objects.all()))
    return believed.exclude(sub_account=OuterRef("sub_account"))


def _listed_again(ref: Callable[[str], OuterRef]) -> Exists:
    """Return whether the newest list of the row's sub account shows its DNIS once more, under another id.

    `ref` refers to the row from where that is asked.
    """
    same = ListedTrunk.objects.filter(master=ref("master"), dnis=ref("dnis"), gone_at=None)
    shown = same.filter(last_seen_at__gte=F("sub_account__trunks_read_at"))
    return Exists(shown.filter(sub_account=ref("sub_account")).exclude(pk=ref("pk")))


def listed_as(rows: Collection[ListedTrunk]) -> QuerySet[ListedTrunk]:
    """Return what is listed now under the DNIS of `rows` by the same master accounts, the rows themselves included."""
    of = {"master__in": {row.master_id for row in rows}, "dnis__in": {row.dnis for row in rows}}
    accounts = readable(SubAccount.objects.all())
    found = ListedTrunk.objects.filter(**of, gone_at=None, sub_account__in=accounts)
    return found.select_related("sub_account").order_by("sub_account__name", "pk")


def _spoken_of() -> Q:
    """Return which rows can be more than not filed: some line names the DNIS, or another row does.

    Of an estate that was just connected that is nothing, and six questions of each row would be asked in vain.
    """
    listed = ListedTrunk.objects.filter(gone_at=None).order_by().values("dnis", "master")
    twice = listed.annotate(rows=Count("pk")).filter(rows__gt=1)
    lines = Line.objects.order_by()
    named = Q(dnis__in=lines.values("dnis")) | Q(
        dnis__in=lines.exclude(current_dnis="").values("current_dnis")
    )
    return named | Q(dnis__in=twice.values("dnis"))


def _instead() -> QuerySet[ListedTrunk]:
    """Return what tells of a gone row's DNIS in its place: a row that is there, or one that went later."""
    same = ListedTrunk.objects.filter(sub_account=OuterRef("sub_account"), dnis=OuterRef("dnis"))
    at_once = Q(gone_at=OuterRef("gone_at"), pk__gt=OuterRef("pk"))
    return same.filter(Q(gone_at=None) | Q(gone_at__gt=OuterRef("gone_at")) | at_once)


def _lines() -> QuerySet[Line]:
    return Line.objects.filter(trunk_request__sub_account=OuterRef("sub_account"))


def _open() -> QuerySet[Line]:
    """Return the lines of open requests that are about the row's DNIS: what comes of them is not known yet."""
    return _lines().filter(_ABOUT, trunk_request__state__in=OPEN_STATES)


def _holders() -> QuerySet[Line]:
    """Return the line that has the row's DNIS: it has it now, whatever was filed after it, as a retry can come late."""
    ended = _lines().exclude(trunk_request__state__in=OPEN_STATES)
    held = {"master": OuterRef("master"), "dnis": OuterRef("dnis"), "hold": Hold.ASSIGNED}
    return ended.filter(**held, state__in=ASSIGNED_LINE_STATES).order_by()


def _words() -> QuerySet[Line]:
    """Return the lines that say what became of the row's DNIS, the last request filed first.

    A removal, and what vanishes from Zoom's list, takes the DNIS from the line that had it; so where none has it, what
    was filed last has the last word. What vanished may have been taken away by a request that ended otherwise.
    """
    row_gone_at = ExpressionWrapper(OuterRef("gone_at"), output_field=DateTimeField(null=True))
    taken = _TAKEN & Q(row_gone_at__isnull=False)
    said = _lines().alias(row_gone_at=row_gone_at).filter(_ASSIGNED | _RESTORED | _REMOVED | taken)
    return said.exclude(trunk_request__state__in=OPEN_STATES).order_by("-trunk_request_id", "position")


def _refused() -> QuerySet[Line]:
    """Return the lines that Zoom refused before its list first showed the row, the last request filed first.

    An answer that says no is believed at once, since whoever waits for it would wait in vain; where a later list shows
    that Zoom did it all the same, or that somebody did it by hand, this is where that comes to light.
    """
    said = _lines().filter(_NOT_ASSIGNED, trunk_request__changed_at__lt=OuterRef("first_seen_at"))
    return said.exclude(trunk_request__state__in=OPEN_STATES).order_by("-trunk_request_id", "position")


def _drift() -> Case:
    here = Q(gone_at=None)
    # What people gave up on may have been carried out, so that it is nobody else's doing.
    given_up = _lines().filter(_ABOUT, state=LineState.GIVEN_UP)
    nobodys = Case(
        When(~here | Exists(given_up), then=Value(AGREED)),
        When(_listed_again(OuterRef), then=Value(Drift.TWICE)),
        When(Exists(_refused()), then=Value(Drift.REFUSED)),
        default=Value(Drift.NOT_FILED),
    )
    twice = When(here & Exists(listed_elsewhere()), then=Value(Drift.TWICE))
    return Case(
        twice,
        default=Coalesce(Subquery(_judged(_holders())), Subquery(_judged(_words())), nobodys),
        output_field=CharField(),
    )


def _judged(words: QuerySet[Line]) -> QuerySet[Line, Any]:
    """Return what the row says of the first of `words`; nothing, when read within the quiet period after it."""
    quiet = timedelta(seconds=settings.QUIET_SECONDS)
    known = words.annotate(
        believed_from=ExpressionWrapper(F("trunk_request__changed_at") + quiet, output_field=DateTimeField()),
        gone_at=ExpressionWrapper(OuterRef("gone_at"), output_field=DateTimeField(null=True)),
        shown=ExpressionWrapper(OuterRef("outbound_caller_id"), output_field=CharField(null=True)),
        wanted=Case(When(_RESTORED, then=F("current_caller_id")), default=F("outbound_caller_id")),
    )
    # A list need not report caller IDs, and one that nobody asked for is in nobody's way.
    told = known.annotate(shown_key=CallerIdKey("shown"), wanted_key=CallerIdKey("wanted"))
    compared = Q(shown__isnull=False) & ~Q(shown="") & ~Q(wanted="")
    said = Case(
        When(believed_from__gte=OuterRef("sub_account__trunks_read_at"), then=Value(AGREED)),
        When(_REMOVED & Q(gone_at=None), then=Value(Drift.STILL_THERE)),
        When(_REMOVED | _TAKEN, then=Value(AGREED)),
        When(gone_at__isnull=False, then=Value(Drift.MISSING)),
        # What is to be gone altogether is said to be there still, however often it is.
        When(_listed_again(lambda name: OuterRef(OuterRef(name))), then=Value(Drift.TWICE)),
        When(compared & ~Q(shown_key=F("wanted_key")), then=Value(Drift.DIFFERENT)),
        default=Value(AGREED),
        output_field=CharField(),
    )
    return told.values_list(said)[:1]


_ABOUT = Q(dnis=OuterRef("dnis")) | Q(current_dnis=OuterRef("dnis"))
_ASSIGNED = Q(dnis=OuterRef("dnis"), state__in=ASSIGNED_LINE_STATES)
_RESTORED = Q(
    current_dnis=OuterRef("dnis"), phase=Phase.RESTORE, state=LineState.REFUSED, without_trunk=False
)
# A change that was refused left the new DNIS unassigned, whatever became of the old one.
_NOT_ASSIGNED = Q(dnis=OuterRef("dnis"), state=LineState.REFUSED) & ~Q(phase=Phase.REMOVE)
_MOVED = Q(trunk_request__kind=Kind.CHANGE, state__in=ASSIGNED_LINE_STATES) & ~Q(dnis=F("current_dnis"))
_REMOVED = Q(current_dnis=OuterRef("dnis")) & (Q(state=LineState.UNASSIGNED) | _MOVED)
# The portal itself has removed it, or may have: a change put nothing in its place, or people gave up on finding out.
_TAKEN = (
    Q(current_dnis=OuterRef("dnis"), state=LineState.GIVEN_UP)
    | Q(
        current_dnis=OuterRef("dnis"),
        trunk_request__kind=Kind.CHANGE,
        phase__in=(Phase.ASSIGN, Phase.RESTORE),
        state__in=(LineState.NOT_SENT, LineState.REFUSED, LineState.DIFFERENT),
    )
    & ~_RESTORED
)
