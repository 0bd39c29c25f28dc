"""The monthly review: drawn once, marked by who did not act in it, signed off, and then closed for good."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from tests import cast, trail
from trunks import access, audit, sampling
from trunks.models import Mark, MonthReview, Role, SampledItem, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import delegating, monthly, review
from trunks.workflow.errors import Invalid, Refused, Stale

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

MONTH = "2026-10"


@pytest.fixture
def drawn(trunk_request: TrunkRequest, supervisor: User, manager: User) -> MonthReview:
    """Return the review of a month in which one request was denied."""
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    with trail.unguarded():
        AuditEvent.objects.update(at=datetime(2026, 10, 5, 9, tzinfo=UTC))
    return monthly.draw(MONTH, actor=manager)


@pytest.fixture
def item(drawn: MonthReview) -> SampledItem:
    return SampledItem.objects.select_related("review", "trunk_request").get(review=drawn)


def test_the_sample_follows_from_the_trail(drawn: MonthReview, trunk_request: TrunkRequest) -> None:
    last = AuditEvent.objects.get(pk=2)
    assert (drawn.last, drawn.head) == (2, last.hash)
    assert drawn.seed == sampling.seed_of(MONTH, last.hash)
    weights = {row["key"]: row["weight"] for row in drawn.population}
    assert [item.key for item in drawn.items.all()] == sampling.draw(drawn.seed, weights)
    [event] = audit.history(drawn)
    assert (event.action, event.after["drawn"]) == ("review.drawn", [trunk_request.reference])
    assert event.after["seed"] == drawn.seed


def test_what_it_was_drawn_from_is_handed_out_and_that_is_an_event(drawn: MonthReview, manager: User) -> None:
    given = monthly.hand_out(drawn, actor=manager)
    assert (given["seed"], given["population"], given["size"]) == (
        drawn.seed,
        drawn.population,
        sampling.SIZE,
    )
    event = audit.history(drawn).last()
    assert event is not None
    assert (event.action, event.actor, event.after["candidates"]) == ("trail.exported", manager, 1)


def test_a_month_is_drawn_once(drawn: MonthReview, manager: User) -> None:
    with pytest.raises(Stale):
        monthly.draw(MONTH, actor=manager)
    assert MonthReview.objects.count() == 1


@pytest.mark.parametrize("month", ["2026-13", "2999-01", "9999-12", "2020-01", "x"])
def test_no_other_month_can_be_drawn(drawn: MonthReview, manager: User, month: str) -> None:
    with pytest.raises(Invalid):
        monthly.draw(month, actor=manager)


def test_the_months_are_those_that_are_over(drawn: MonthReview) -> None:
    assert monthly.months()[-1] == MONTH


def test_without_a_trail_there_is_no_month(db: None) -> None:
    assert monthly.months() == []


def test_only_a_manager_for_all_master_accounts_reviews(
    estate: cast.Estate, item: SampledItem, administrator: User
) -> None:
    some = cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master)
    tries: list[Callable[[User], object]] = [
        lambda actor: monthly.draw(MONTH, actor=actor),
        lambda actor: monthly.mark(item, actor=actor, as_=Mark.IN_ORDER),
        lambda actor: monthly.sign_off(item.review, actor=actor),
        lambda actor: monthly.hand_out(item.review, actor=actor),
    ]
    for actor in (some, administrator):
        for attempt in tries:
            with pytest.raises(Refused):
                attempt(actor)
            newest = AuditEvent.objects.order_by("-id")[0]
            assert (newest.action, newest.actor) == ("audit.action_refused", actor)


def test_who_acted_in_an_item_neither_marks_it_nor_signs_off(item: SampledItem, supervisor: User) -> None:
    supervisor.role_grants.create(role=Role.MANAGER)
    both = User.objects.get(pk=supervisor.pk)
    with pytest.raises(Refused, match="acted in"):
        monthly.mark(item, actor=both, as_=Mark.IN_ORDER)
    with pytest.raises(Refused, match="acted in"):
        monthly.sign_off(item.review, actor=both)


def test_where_every_manager_acted_in_something_one_of_them_signs_off(
    item: SampledItem, manager: User, supervisor: User
) -> None:
    monthly.mark(item, actor=manager, as_=Mark.IN_ORDER)
    supervisor.role_grants.create(role=Role.MANAGER)
    both = User.objects.get(pk=supervisor.pk)
    User.objects.exclude(pk=both.pk).update(is_active=False)
    monthly.sign_off(item.review, actor=both)
    signed = audit.history(item.review).last()
    assert signed is not None
    assert (signed.actor, signed.after["acted_in"]) == (both, [item.key])


def test_on_whose_behalf_somebody_decided_has_acted_as_well(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, manager: User
) -> None:
    supervisor.role_grants.create(role=Role.MANAGER)
    both = User.objects.get(pk=supervisor.pk)
    day = timezone.now().date()
    delegating.make(delegating.Terms(second_staff, day, day, "Holiday"), actor=both)
    review.deny(trunk_request, actor=second_staff, version=1, comment="No.")
    with trail.unguarded():
        AuditEvent.objects.update(at=datetime(2026, 10, 5, 9, tzinfo=UTC))
    drawn = monthly.draw(MONTH, actor=manager)
    item = drawn.items.get(trunk_request=trunk_request)
    with pytest.raises(Refused, match="on your behalf"):
        monthly.mark(item, actor=both, as_=Mark.IN_ORDER)
    with pytest.raises(Refused, match="on your behalf"):
        monthly.sign_off(drawn, actor=both)
    monthly.mark(item, actor=manager, as_=Mark.QUESTION, comment="Why?")
    assert item in access.questions_for(both)


def test_a_question_stands_in_the_requests_history_until_it_is_in_order(
    item: SampledItem, trunk_request: TrunkRequest, manager: User
) -> None:
    monthly.mark(item, actor=manager, as_=Mark.QUESTION, comment=" Why at all? ")
    item.refresh_from_db()
    assert (item.mark, item.comment, item.marked_by) == (Mark.QUESTION, "Why at all?", manager)
    monthly.mark(item, actor=manager, as_=Mark.IN_ORDER, comment="They told me.")
    told = [(event.action, event.comment) for event in audit.history(trunk_request)][-2:]
    assert told == [("review.questioned", "Why at all?"), ("review.in_order", "They told me.")]


def test_of_two_who_mark_at_once_the_second_tells_what_the_first_found(
    item: SampledItem, trunk_request: TrunkRequest, manager: User
) -> None:
    first, second = (SampledItem.objects.get(pk=item.pk) for _ in range(2))
    monthly.mark(first, actor=manager, as_=Mark.QUESTION, comment="Why?")
    monthly.mark(second, actor=manager, as_=Mark.IN_ORDER)
    told = [(event.action, event.before) for event in audit.history(trunk_request)][-2:]
    assert told == [("review.questioned", {"mark": ""}), ("review.in_order", {"mark": "question"})]
    with pytest.raises(Stale, match=r"Mia Manager marked .* as In order meanwhile"):
        monthly.mark(second, actor=manager, as_=Mark.QUESTION, comment="Why?", seen="")


def test_what_is_in_order_at_once_is_in_the_reviews_history(
    item: SampledItem, trunk_request: TrunkRequest, manager: User
) -> None:
    monthly.mark(item, actor=manager, as_=Mark.IN_ORDER)
    assert [event.action for event in audit.history(item.review)] == ["review.drawn", "review.in_order"]


@pytest.mark.parametrize(
    ("as_", "comment"), [(Mark.QUESTION, "  "), (Mark.NONE, "x"), (Mark.IN_ORDER, "a\0b")]
)
def test_a_mark_must_make_sense(item: SampledItem, manager: User, as_: Mark, comment: str) -> None:
    with pytest.raises(Invalid):
        monthly.mark(item, actor=manager, as_=as_, comment=comment)


def test_a_month_is_signed_off_when_all_is_marked(item: SampledItem, manager: User) -> None:
    with pytest.raises(Invalid, match="1 of 1 are not marked"):
        monthly.sign_off(item.review, actor=manager)
    monthly.mark(item, actor=manager, as_=Mark.QUESTION, comment="Why?")
    monthly.sign_off(item.review, actor=manager)
    found = MonthReview.objects.get()
    assert (found.signed_by, audit.history(found).last().after) == (manager, {"items": 1, "questions": 1})  # type: ignore[union-attr]


def test_after_the_sign_off_the_verbs_change_nothing(item: SampledItem, manager: User) -> None:
    monthly.mark(item, actor=manager, as_=Mark.IN_ORDER)
    monthly.sign_off(item.review, actor=manager)
    events = AuditEvent.objects.count()
    with pytest.raises(Stale):
        monthly.mark(item, actor=manager, as_=Mark.QUESTION, comment="Too late")
    with pytest.raises(Stale):
        monthly.sign_off(item.review, actor=manager)
    assert AuditEvent.objects.count() == events


def test_after_the_sign_off_the_database_refuses_every_write(item: SampledItem, manager: User) -> None:
    monthly.mark(item, actor=manager, as_=Mark.IN_ORDER)
    monthly.sign_off(item.review, actor=manager)
    mine = SampledItem.objects.filter(pk=item.pk)
    other = MonthReview.objects.create(
        month="2026-09", last=1, head="h", seed="s", drawn_by=manager, drawn_at=item.review.drawn_at
    )
    writes: list[Callable[[], object]] = [
        lambda: mine.update(comment="altered"),
        lambda: mine.update(review=other),
        lambda: mine.delete(),
        lambda: MonthReview.objects.filter(month=MONTH).update(signed_at=None, signed_by=None),
        lambda: MonthReview.objects.filter(month=MONTH)._raw_delete(using="default"),
        lambda: SampledItem.objects.create(review=item.review, place=2, key="event-1", weight=1, event=1),
    ]
    for write in writes:
        with pytest.raises(DatabaseError, match="signed off"), transaction.atomic():
            write()


def test_truncate_is_refused_at_any_time(drawn: MonthReview) -> None:
    emptying = {
        "postgresql": "TRUNCATE trunks_monthreview, trunks_sampleditem",
        "sqlite": "REPLACE INTO trunks_monthreview SELECT * FROM trunks_monthreview WHERE signed_at IS NOT NULL",
    }[connection.vendor]
    if connection.vendor == "sqlite":
        MonthReview.objects.update(signed_by=drawn.drawn_by, signed_at=drawn.drawn_at)
    with (
        pytest.raises(DatabaseError, match="signed off"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(emptying)
