"""How the rule of four eyes is lived: the questions, on both databases."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests import cast
from trunks import four_eyes
from trunks.four_eyes import Pair, Scope, Verdicts
from trunks.models import Decision, Look, Role, State, TrunkRequest, User, Verdict
from trunks.models.spans import Lengths
from trunks.workflow import filing

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

SEPTEMBER, OCTOBER = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def scope(estate: cast.Estate) -> Scope:
    return Scope([estate.master.pk], SEPTEMBER, NOVEMBER)


def lasting(seconds: float) -> Lengths:
    """Return the lengths of one row, as they compare with what the database computed."""
    about: Any = pytest.approx(seconds, abs=0.01)
    return Lengths(1, about, about)


def decided(
    estate: cast.Estate,
    filer: User,
    decider: User,
    *,
    at: datetime,
    after: float = 3600,
    verdict: str = Verdict.APPROVE,
    foreign: bool = False,
) -> Decision:
    """Have a request filed `after` seconds before it was decided at `at`, without carrying it out."""
    sub, trunk = (estate.foreign_sub, estate.foreign_trunk) if foreign else (estate.sub, estate.trunk)
    dnis = filing.next_free_dnis(trunk) or ""
    trunk_request = filing.file(cast.draft(sub, trunk, dnis), actor=filer)
    filed = at - timedelta(seconds=after)
    trunk_request.revisions.update(at=filed)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(filed_at=filed)
    return Decision.objects.create(
        trunk_request=trunk_request,
        verdict=verdict,
        decided_by=decider,
        filed_by=filer,
        decided_at=at,
        content_version=1,
        content_digest=trunk_request.content_digest,
    )


def test_each_month_has_its_verdicts_and_how_many_of_them_were_quick(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User
) -> None:
    give = partial(decided, estate, staff, supervisor)
    give(at=OCTOBER, after=29)
    give(at=OCTOBER + timedelta(days=3), after=31)
    give(at=OCTOBER - timedelta(microseconds=1), verdict=Verdict.DENY)
    give(at=OCTOBER - timedelta(days=2), verdict=Verdict.SEND_BACK, after=2)
    give(at=NOVEMBER)
    assert four_eyes.verdicts(scope, 30) == {"2026-10": Verdicts(2, 0, 0, 1), "2026-09": Verdicts(0, 1, 1, 1)}


def test_another_master_account_is_not_looked_at(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User
) -> None:
    decided(estate, staff, supervisor, at=OCTOBER, after=1, foreign=True)
    assert four_eyes.verdicts(scope, 30) == {}
    assert (four_eyes.quick_decisions(scope, 30), four_eyes.pairs(scope)) == ([], [])


def test_a_decision_counts_from_when_the_page_was_opened_where_that_is_noted(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User
) -> None:
    slow = decided(estate, staff, supervisor, at=OCTOBER)
    quick = decided(estate, staff, supervisor, at=OCTOBER)
    for decision, before in ((slow, 600), (quick, 4)):
        Look.objects.create(
            trunk_request=decision.trunk_request,
            user=supervisor,
            content_version=1,
            at=OCTOBER - timedelta(seconds=before),
        )
    [found] = four_eyes.quick_decisions(scope, 30)
    assert found == quick
    assert found.took == pytest.approx(4, abs=0.01)  # type: ignore[attr-defined]  # annotated


def test_median_and_95th_percentile_are_by_nearest_rank_in_each_month(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User
) -> None:
    for number in range(1, 21):
        decided(estate, staff, supervisor, at=OCTOBER, after=number * 60)
    decided(estate, staff, supervisor, at=SEPTEMBER, after=90)
    found = four_eyes.time_to_decision(scope)
    assert found["2026-10"].rows == 20
    assert found["2026-10"].median == pytest.approx(600, abs=0.01)
    assert found["2026-10"].p95 == pytest.approx(19 * 60, abs=0.01)
    assert found["2026-09"] == lasting(90)


def test_time_to_done_is_that_of_the_requests_that_are_done(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User
) -> None:
    done = decided(estate, staff, supervisor, at=OCTOBER).trunk_request
    decided(estate, staff, supervisor, at=OCTOBER)
    ended = {"state": State.DONE, "changed_at": OCTOBER + timedelta(hours=1)}
    TrunkRequest.objects.filter(pk=done.pk).update(**ended)
    assert four_eyes.time_to_done(scope) == {"2026-10": lasting(7200)}


def test_who_approves_each_other_comes_before_who_always_approves(estate: cast.Estate, scope: Scope) -> None:
    anna, bert, cleo = (cast.person(name, Role.STAFF, Role.SUPERVISOR) for name in ("Anna", "Bert", "Cleo"))
    for _ in range(5):
        decided(estate, cleo, anna, at=OCTOBER)
    decided(estate, anna, bert, at=OCTOBER)
    decided(estate, bert, anna, at=OCTOBER)
    decided(estate, bert, cleo, at=OCTOBER)
    decided(estate, bert, anna, at=OCTOBER, verdict=Verdict.DENY)
    taken_back = decided(estate, bert, cleo, at=OCTOBER)
    Decision.objects.filter(pk=taken_back.pk).update(taken_back_at=OCTOBER)
    assert four_eyes.pairs(scope) == [
        Pair("Anna", "Bert", 1, 1, 1),
        Pair("Bert", "Anna", 1, 2, 1),
        Pair("Cleo", "Anna", 5, 5, 0),
    ]
    assert [pair.always for pair in four_eyes.pairs(scope)] == [True, False, True]


def test_a_request_that_took_two_approvals_is_one_request(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User, second_supervisor: User
) -> None:
    for _ in range(5):
        first = decided(estate, staff, supervisor, at=OCTOBER)
        Decision.objects.create(
            trunk_request=first.trunk_request,
            verdict=Verdict.APPROVE,
            decided_by=second_supervisor,
            filed_by=staff,
            decided_at=OCTOBER,
            content_version=1,
            content_digest=first.content_digest,
        )
    assert [(pair.approved, pair.of) for pair in four_eyes.pairs(scope)] == [(5, 5), (5, 5)]


def test_what_waits_longest_comes_first(estate: cast.Estate, scope: Scope, staff: User) -> None:
    newer, older = (
        filing.file(cast.draft(estate.sub, estate.trunk, dnis), actor=staff)
        for dnis in ("18888001", "18888002")
    )
    TrunkRequest.objects.filter(pk=older.pk).update(filed_at=SEPTEMBER)
    assert four_eyes.oldest_pending(scope) == [older, newer]


def test_authorship_names_everybody_who_made_a_version(trunk_request: TrunkRequest, staff: User) -> None:
    assert four_eyes.authorship({trunk_request.pk}) == {(trunk_request.pk, staff.pk)}


def test_on_whose_behalf_it_was_approved_counts_like_who_approved_it(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User, second_staff: User
) -> None:
    rows = [decided(estate, staff, second_staff, at=OCTOBER) for _ in range(5)]
    Decision.objects.update(on_behalf_of=supervisor)
    found = sorted(four_eyes.pairs(scope), key=lambda pair: pair.decider)
    assert found == [Pair("Stella Staff", name, 5, 5, 0) for name in ("Sam Supervisor", "Stan Staff")]
    # Who also approved an earlier version of it themselves has approved one request, not two.
    again = {"verdict": Verdict.APPROVE, "filed_by": staff, "decided_at": OCTOBER, "content_version": 2}
    Decision.objects.create(
        trunk_request=rows[0].trunk_request, decided_by=supervisor, content_digest="d", **again
    )
    counted = {pair.decider: pair.approved for pair in four_eyes.pairs(scope)}
    assert counted == {"Sam Supervisor": 5, "Stan Staff": 5}


def test_decisions_in_an_author_s_browser_are_told_newest_first(
    estate: cast.Estate, scope: Scope, staff: User, supervisor: User
) -> None:
    older = decided(estate, staff, supervisor, at=OCTOBER)
    newer = decided(estate, staff, supervisor, at=OCTOBER + timedelta(days=1))
    decided(estate, staff, supervisor, at=OCTOBER + timedelta(days=2))
    foreign = decided(estate, staff, supervisor, at=OCTOBER, foreign=True)
    Decision.objects.filter(pk__in=[older.pk, newer.pk, foreign.pk]).update(same_browser_as=staff)
    assert four_eyes.same_browser(scope) == [newer, older]
