"""The monthly review: draw a month's sample, mark each item, sign the month off.

The review is over all master accounts, so that nobody's part of the trail is left out of it: for managers who hold the
role for all of them. Whoever acted in something that was drawn, or had somebody act for them, does not mark it, and
signs the month off only where each of those managers acted in something: what one acted in, another has marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from django.db import IntegrityError, models
from django.utils import timezone

from trunks import access, audit, audit_chain, sampling
from trunks.actions import Action
from trunks.audit_population import bounds, population
from trunks.models import Mark, MonthReview, Role, SampledItem, User
from trunks.sampling import Candidate
from trunks.workflow import refusals, rules, sealing
from trunks.workflow.deciders import holders
from trunks.workflow.errors import Invalid, Stale

MANAGERS = "Only managers for all master accounts review a month."
WHO = "another manager"
ACTED_IN_IT = "You acted in it, or somebody did on your behalf, so another manager marks it."
ACTED_IN_SOME = (
    "You acted in what was drawn, or somebody did on your behalf, so another manager signs it off."
)


def draw(month: str, *, actor: User) -> MonthReview:
    """Draw the sample of a month that is over, once: what was drawn is what is reviewed.

    Raises Refused for who is no manager for all, Invalid for a month that is none, not over or empty, Stale when it has
    been drawn.
    """
    _demand_manager(actor, actor, "draw")
    until = _end_of(month)
    place = audit_chain.at(audit_chain.last_before(until))
    if place is None:
        raise Invalid({"month": ["The trail holds nothing of before the end of that month."]})
    found = population(month, place.position)
    review = MonthReview(
        month=month, last=place.position, head=place.hash, drawn_by=actor, drawn_at=timezone.now()
    )
    review.seed = sampling.seed_of(month, place.hash)
    review.population = [candidate.told() for candidate in found]
    _keep(review, {candidate.key: candidate for candidate in found})
    return review


def _keep(review: MonthReview, found: dict[str, Candidate]) -> None:
    drawn = sampling.draw(review.seed, {key: candidate.weight for key, candidate in found.items()})
    after = {"seed": review.seed, "head": review.head, "last": review.last, "of": len(found), "drawn": drawn}
    try:
        with audit.change():
            review.save(force_insert=True)
            SampledItem.objects.bulk_create(
                _item(review, place, found[key]) for place, key in enumerate(drawn, start=1)
            )
            audit.record(Action.REVIEW_DRAWN, actor=review.drawn_by, on=review, after=after)
    except IntegrityError as error:
        raise Stale(f"The sample of {review.month} has been drawn already.") from error


def _item(review: MonthReview, place: int, candidate: Candidate) -> SampledItem:
    return SampledItem(
        review=review,
        place=place,
        key=candidate.key,
        weight=candidate.weight,
        grounds=list(candidate.grounds),
        people=list(candidate.people),
        event=candidate.event,
        trunk_request_id=candidate.trunk_request,
    )


def mark(item: SampledItem, *, actor: User, as_: Mark, comment: str = "", seen: str | None = None) -> None:
    """Mark an item *in order* or *question*; it can be marked anew until the month is signed off.

    `seen` is the item's `stamp` on the page that was marked from. Raises Refused for who is no manager for all, or
    acted in it; Invalid for a question without words; Stale after the sign-off, or when it was marked since.
    """
    _demand_manager(actor, item.review, "mark")
    if actor.pk in item.people:
        _refuse(actor, item.review, "mark", ACTED_IN_IT)
    comment = comment.strip()
    problems = list(rules.text_problems(comment, rules.REASON_MAX_LENGTH))
    if as_ == Mark.QUESTION and rules.says_nothing(comment):
        problems.append("Say what the question is.")
    if problems or as_ == Mark.NONE:
        raise Invalid({"comment": problems or ["Choose in order or question."]})
    with audit.change():
        _demand_open(item.review)
        now = SampledItem.objects.select_related("marked_by").get(pk=item.pk)
        before = {"mark": now.mark, "comment": now.comment}
        marked = {"mark": as_.value, "comment": comment}
        if seen is not None and seen != now.stamp:
            if (now.marked_by, before) == (actor, marked):
                return  # a second click
            raise Stale(
                f"{now.marked_by} marked {item.key} as {now.get_mark_display()} meanwhile. Look at that first."
            )
        SampledItem.objects.filter(pk=item.pk).update(**marked, marked_by=actor, marked_at=timezone.now())
        _tell(item, actor, before, marked)


def _tell(item: SampledItem, actor: User, before: dict[str, str], after: dict[str, str]) -> None:
    """Put a question, and what becomes of it, into the history of its request; all else into that of the review."""
    about: models.Model = item.review
    if item.trunk_request and Mark.QUESTION in (before["mark"], after["mark"]):
        about = item.trunk_request
    action = Action.REVIEW_QUESTIONED if after["mark"] == Mark.QUESTION else Action.REVIEW_IN_ORDER
    comment = after["comment"]
    after = {"item": item.key, "month": item.review.month, "mark": after["mark"]}
    audit.record(action, actor=actor, on=about, before={"mark": before["mark"]}, after=after, comment=comment)


def sign_off(review: MonthReview, *, actor: User) -> None:
    """Sign a month off, when everything is marked; nothing of it changes any more.

    Raises Refused for who is no manager for all, or acted in something that was drawn while another manager did not;
    Invalid while something is not marked; Stale when somebody was first.
    """
    _demand_manager(actor, review, "sign off")
    items = list(review.items.all())
    if reason := why_not_sign(items, actor):
        _refuse(actor, review, "sign off", reason)
    with audit.change():
        _demand_open(review)
        left = review.items.filter(mark=Mark.NONE).count()
        if left:
            raise Invalid({"__all__": [f"{left} of {len(items)} are not marked yet."]})
        questions = sum(item.mark == Mark.QUESTION for item in review.items.all())
        MonthReview.objects.filter(pk=review.pk).update(signed_by=actor, signed_at=timezone.now())
        acted = [item.key for item in items if actor.pk in item.people]
        after = {"items": len(items), "questions": questions} | ({"acted_in": acted} if acted else {})
        audit.record(Action.REVIEW_SIGNED_OFF, actor=actor, on=review, after=after)


def why_not_sign(items: Sequence[SampledItem], user: User) -> str:
    """Return why a manager does not sign off what was drawn, or "": where all acted in some of it, one has to."""
    acted = {person for item in items for person in item.people}
    if user.pk not in acted:
        return ""
    others = any(manager.is_active and manager.pk not in acted for manager in holders(Role.MANAGER))
    return ACTED_IN_SOME if others else ""


def hand_out(review: MonthReview, *, actor: User) -> dict[str, object]:
    """Return all that the sample was drawn from, with which anybody can draw it anew; that it was taken is an event."""
    _demand_manager(actor, review, "hand out")
    with audit.change():
        told = {"format": "json", "candidates": len(review.population)}
        audit.record(Action.TRAIL_EXPORTED, actor=actor, on=review, after=told)
    drawn = {"month": review.month, "last": review.last, "head": review.head, "seed": review.seed}
    return drawn | {"size": sampling.SIZE, "population": review.population}


def months() -> list[str]:
    """Return the months that are over, newest first, back to the trail's first event; at most two years of them."""
    first = audit_chain.first_moment()
    if first is None:
        return []
    here = (timezone.now() - sealing.MARGIN).astimezone(first.tzinfo)
    last, oldest = here.year * 12 + here.month - 2, first.year * 12 + first.month - 1
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(last, max(oldest, last - 24) - 1, -1)]


def may_review(user: User) -> bool:
    return access.for_all_masters(user, Role.MANAGER)


def _end_of(month: str) -> datetime:
    try:
        _, until = bounds(month)
    except ValueError as error:
        raise Invalid({"month": ["A month is written like 2026-10."]}) from error
    if until + sealing.MARGIN > timezone.now():
        raise Invalid({"month": ["The month is not over yet."]})
    return until


def _demand_open(review: MonthReview) -> None:
    """Take the review's lock, so that nothing is marked while it is signed off; raise Stale after that."""
    held = MonthReview.objects.select_for_update().select_related(None).get(pk=review.pk)
    if held.signed_at:
        raise Stale(f"{review.month} has been signed off; nothing of it can change any more.")


def _demand_manager(actor: User, on: models.Model, what: str) -> None:
    if not may_review(actor):
        _refuse(actor, on, what, MANAGERS)


def _refuse(actor: User, on: models.Model, what: str, reason: str) -> NoReturn:
    action = Action.AUDIT_ACTION_REFUSED
    refusals.refuse(action, f"review: {what}", reason, who=WHO, actor=actor, on=on)
