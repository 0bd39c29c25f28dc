"""Noticing two accounts in one browser: somebody may file a request and decide on it under another name.

A browser proves nobody's guilt (desks and kiosks are shared) and another one proves nobody's innocence; it is a sign
that reviewers and auditors should see.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import DurationField, Q, QuerySet

from trunks import context
from trunks.compiled import Param, Rows
from trunks.models import BrowserSignIn, Revision, TrunkRequest, User, clock

# As long as a session lasts: within it an author may still have been signed in a moment before somebody else was.
HOURS = 12
PLAINLY = "Decide from another browser or a private window."


def note(user: User) -> None:
    """Write down that `user` has just signed in or out in the browser that asks; what is too old to matter goes."""
    BrowserSignIn.objects.filter(at__lt=clock.after(-HOURS * 3600)).delete()
    if browser := context.current().browser:
        BrowserSignIn.objects.update_or_create(browser=browser, user=user, defaults={"at": clock.now()})


def author_here(trunk_request: TrunkRequest, *, besides: User) -> User | None:
    """Return an author of the request who was signed in lately in the browser that asks, or None."""
    browser = context.current().browser
    if not browser:
        return None
    asked = {"trunk_request": trunk_request.pk, "filed_by": trunk_request.filed_by_id, "browser": browser}
    for last in _LAST(**asked, ago=timedelta(hours=-HOURS), besides=besides.pk):
        return last.user
    return None


def _here() -> QuerySet[BrowserSignIn]:
    authors = Revision.objects.filter(trunk_request=Param("trunk_request")).values("author")
    found = BrowserSignIn.objects.filter(
        Q(user=Param("filed_by")) | Q(user__in=authors),
        browser=Param("browser"),
        at__gte=clock.after(Param("ago", DurationField())),
    ).exclude(user=Param("besides"))
    return found.select_related("user").order_by("-at")[:1]


_LAST = Rows(_here)


def refused() -> bool:
    """Say whether such decisions are refused instead of marked."""
    return bool(settings.SAME_BROWSER_DECISIONS == "refuse")


def words(author: User) -> str:
    return f"{author}, who wrote this request, was signed in in this browser within the last {HOURS} hours."
