"""The morning mail: what waits for each person, and what they asked to hear in it. Nothing waits: no mail."""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from trunks import access
from trunks.models import How, Notice, Sending, State, Topic, User, clock
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.workflow import attention, choosing, occasions
from trunks.workflow.letters import Letter, address, what

MOST = 50


def make_due() -> bool:
    """Make today's morning mail when its hour has come on a business day; say whether this made it.

    By the clock and not by a timer: after a night without workers it comes late, once, and on the same day.
    """
    calendar = settings.CALENDAR
    now = calendar.local(clock.read())
    if now.hour < settings.DIGEST_HOUR or not calendar.is_business_day(now.date()):
        return False
    return occasions.note_once(Topic.DIGEST, None, f"digest:{now.date()}", {})


def letter(user: User) -> Letter | None:
    """Return the morning mail of `user`, or None when there is nothing to say."""
    items: list[str] = []
    if choosing.how(user, Topic.DIGEST) != How.NEVER:
        items += _rows("Waits for your decision", access.decidable_by(user))
        mine = access.trunk_requests_for(user).filter(filed_by=user, state=State.SENT_BACK)
        items += _rows("Sent back to you", mine.order_by("id"))
        items += _rows("People are asked to look", attention.requests_for(user))
        items += _rows("A customer is without a trunk", access.without_trunk_for(user))
    held = list(_held(user))
    carried = held[:MOST]
    if not items and not carried:
        return None
    number = len(items) + len(carried)
    items += [notice.subject for notice in carried]
    if len(held) > MOST:
        items.append("There is more of what you asked to hear; the next morning mail brings it.")
    return Letter(
        subject=f"{number} thing{'' if number == 1 else 's'} for you this morning",
        sentences=["This is what waits for you, and what you asked to hear in the morning."],
        url=address("home"),
        link="Open the portal",
        items=items,
        carries=[notice.pk for notice in carried],
    )


def _held(user: User) -> QuerySet[Notice]:
    """Return what was kept for this mail, of the master accounts that the person still has a role for."""
    held = Notice.objects.filter(user=user, sending=Sending.HELD).order_by("id")
    return held.filter(occasion__trunk_request__master__in=access.masters_for(user))[: MOST + 1]


def _rows(title: str, found: TrunkRequestQuerySet) -> list[str]:
    rows = list(found.prefetch_related("lines")[: MOST + 1])
    told = [f"{title}: {row}, {what(row, len(row.lines.all()))}" for row in rows[:MOST]]
    return [*told, f"{title}: others as well; the portal lists them all"] if len(rows) > MOST else told
