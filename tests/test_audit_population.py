"""What can be drawn: which requests and events, and on what grounds."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tests import cast, trail
from trunks import context
from trunks.audit_population import bounds, population
from trunks.models import LineState, MasterAccount, Role, State, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.sampling import Candidate
from trunks.workflow import browsers, delegating, filing, reconcile, review, roles, signing_in, stopping
from trunks.workflow.errors import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

MONDAY = datetime(2026, 10, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def happened_at(*moments: datetime) -> None:
    """Let the events so far have happened at these moments, those left over at the last of them."""
    with trail.unguarded():
        for place, pk in enumerate(AuditEvent.objects.order_by("id").values_list("pk", flat=True)):
            AuditEvent.objects.filter(pk=pk).update(at=moments[min(place, len(moments) - 1)])


def drawn_from(month: str = "2026-10") -> dict[str, Candidate]:
    last = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return {candidate.key: candidate for candidate in population(month, last)}


def grounds(trunk_request: TrunkRequest) -> set[str]:
    return set(drawn_from()[trunk_request.reference].grounds)


def deny(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.deny(trunk_request, actor=supervisor, version=trunk_request.version, comment="No.")


def test_a_request_that_ended_in_the_month_is_there_with_who_acted(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    deny(trunk_request, supervisor)
    happened_at(MONDAY, MONDAY + HOUR)
    found = drawn_from()[trunk_request.reference]
    assert found.grounds == ("ended", "first")
    assert found.people == tuple(sorted((staff.pk, supervisor.pk)))
    assert (found.trunk_request, found.weight) == (trunk_request.pk, 3)


def test_what_ended_in_another_month_or_not_at_all_is_not(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    happened_at(MONDAY)
    assert drawn_from() == {}
    deny(trunk_request, supervisor)
    happened_at(MONDAY, datetime(2026, 11, 1, tzinfo=UTC))
    assert drawn_from() == {}
    assert list(drawn_from("2026-11")) == [trunk_request.reference]


def test_failed_sign_ins_count_once_a_day_and_weigh_least(staff: User, supervisor: User) -> None:
    for person in (staff, supervisor, staff, staff):
        signing_in.failed(person.email)
    happened_at(MONDAY, MONDAY, MONDAY + HOUR, MONDAY + 24 * HOUR)
    found = list(drawn_from().values())
    told = [(AuditEvent.objects.get(pk=one.event).object_id, one.grounds, one.weight) for one in found]
    assert told == [(str(person.pk), ("sign_in",), 1) for person in (staff, supervisor, staff)]


@pytest.mark.parametrize(
    ("took", "decided", "expected"),
    [
        (timedelta(seconds=29), MONDAY, {"quick"}),
        (timedelta(seconds=31), MONDAY, set()),
        (HOUR, MONDAY - timedelta(days=1), {"hours"}),
        (HOUR, MONDAY.replace(hour=19), {"hours"}),
        (HOUR, MONDAY.replace(hour=7), set()),
    ],
)
def test_a_quick_decision_and_one_out_of_hours_weigh_more(
    trunk_request: TrunkRequest, supervisor: User, took: timedelta, decided: datetime, expected: set[str]
) -> None:
    deny(trunk_request, supervisor)
    happened_at(decided - took, decided)
    assert grounds(trunk_request) - {"ended", "first"} == expected


def test_an_attempt_to_decide_on_ones_own_request_weighs_most(estate: cast.Estate, supervisor: User) -> None:
    filer = cast.person("Sol Both", Role.STAFF, Role.SUPERVISOR)
    own = filing.file(cast.draft(estate.sub, estate.trunk, "18888777"), actor=filer)
    with pytest.raises(Refused):
        review.approve(own, actor=filer, version=1)
    deny(own, supervisor)
    happened_at(MONDAY, MONDAY + HOUR)
    assert grounds(own) == {"ended", "first", "own"}
    assert list(drawn_from()) == [own.reference]  # the refused attempt is drawn with its request


def test_a_refusal_of_anything_else_weighs_less(
    trunk_request: TrunkRequest, supervisor: User, stranger: User
) -> None:
    with pytest.raises(Refused):
        review.approve(trunk_request, actor=stranger, version=1)
    happened_at(MONDAY)
    [alone] = drawn_from().values()
    assert (alone.key, alone.grounds, alone.people) == ("event-2", ("refused",), (stranger.pk,))
    deny(trunk_request, supervisor)
    happened_at(MONDAY, MONDAY + HOUR)
    assert grounds(trunk_request) == {"ended", "first", "refused"}


def test_what_was_given_up_is_told(trunk_request: TrunkRequest, supervisor: User) -> None:
    trunk_request.lines.update(state=LineState.UNKNOWN)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.UNCONFIRMED, needs_attention=True)
    trunk_request.refresh_from_db()
    reconcile.give_up(trunk_request, actor=supervisor, version=1, comment="Nobody can tell.")
    happened_at(MONDAY, MONDAY + HOUR)
    assert {"given_up", "partial"} <= grounds(trunk_request)


def test_the_kind_that_was_last_asked_for_counts_and_only_the_first_of_a_sub_account_is_first(
    estate: cast.Estate, staff: User, supervisor: User
) -> None:
    first, second = (
        filing.file(cast.draft(estate.sub, estate.trunk, dnis), actor=staff)
        for dnis in ("18888001", "18888002")
    )
    deny(first, supervisor)
    deny(second, supervisor)
    with trail.unguarded():
        filed = AuditEvent.objects.get(object_id=str(second.pk), action="request.filed")
        AuditEvent.objects.filter(pk=filed.pk).update(after=filed.after | {"kind": "unassign"})
    happened_at(MONDAY, MONDAY, MONDAY + HOUR)
    assert grounds(first) == {"ended", "first"}
    assert grounds(second) == {"ended", "unassign"}


def test_stops_and_changes_of_people_can_be_drawn_by_themselves(
    supervisor: User, administrator: User, stranger: User
) -> None:
    stopping.stop(actor=supervisor, reason="Look first.")
    roles.grant(stranger, actor=administrator, role=Role.MANAGER)
    happened_at(MONDAY)
    assert [candidate.grounds for candidate in drawn_from().values()] == [("stop",), ("people",)]
    assert MasterAccount.objects.count() == 0


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "october"])
def test_what_is_no_month_has_no_bounds(month: str) -> None:
    with pytest.raises(ValueError, match=r"does not match|unconverted|2026-1"):
        bounds(month)


def test_a_month_ends_where_the_next_begins() -> None:
    assert bounds("2026-12") == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_who_lends_the_right_to_decide_and_on_whose_behalf_it_was_used_have_acted(
    trunk_request: TrunkRequest, staff: User, supervisor: User, second_staff: User
) -> None:
    day = timezone.now().date()
    delegating.make(delegating.Terms(second_staff, day, day, "Holiday"), actor=supervisor)
    deny(trunk_request, second_staff)
    happened_at(MONDAY)
    found = drawn_from()
    assert found[trunk_request.reference].people == tuple(sorted((staff.pk, supervisor.pk, second_staff.pk)))
    [lent] = [candidate for candidate in found.values() if candidate.key.startswith("event-")]
    assert (lent.grounds, lent.people) == (("people",), (supervisor.pk,))


def test_a_decision_in_an_author_s_browser_weighs_more(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    with context.bound(context.Context(browser="b" * 32)):
        browsers.note(staff)
        deny(trunk_request, supervisor)
    happened_at(MONDAY, MONDAY + HOUR)
    assert grounds(trunk_request) == {"ended", "first", "browser"}
