"""Saving an approval policy, and rehearsing what its rules would have meant."""

from datetime import time, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests import cast
from tests.together import together
from trunks import audit
from trunks.models import ApprovalPolicy, Line, RoleGrant, TrunkRequest, User
from trunks.workflow import deciders, filing, policies, rehearsal
from trunks.workflow.errors import Invalid, Refused, Stale
from trunks.workflow.rehearsal import rehearse

pytestmark = pytest.mark.sqlite


def test_saving_keeps_every_version_and_says_before_and_after_in_words(
    estate: cast.Estate, administrator: User
) -> None:
    policies.save(ApprovalPolicy(master=estate.master, approvals=2), actor=administrator, version=0)
    policies.save(ApprovalPolicy(master=estate.master, change_approvals=3), actor=administrator, version=1)
    assert [one.version for one in estate.master.approval_policies.all()] == [2, 1]
    assert estate.master.approval_policies.get(version=1).text == "Every request takes 2 approvals."
    event = audit.history(estate.master).last()
    assert event is not None
    assert (event.action, event.actor) == ("policy.changed", administrator)
    assert event.before == {
        "approvals": 2,
        "change_approvals": 0,
        "in_words": ["Every request takes 2 approvals."],
    }
    assert event.after["in_words"] == ["Every request takes 1 approval.", "Changing trunks: 3 approvals."]


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "stranger", "other_staff"])
def test_only_administrators_of_the_master_account_save(
    estate: cast.Estate, who: str, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    with pytest.raises(Refused, match="Only an administrator for Northwind"):
        policies.save(ApprovalPolicy(master=estate.master, approvals=2), actor=user, version=0)
    assert not ApprovalPolicy.objects.exists()
    event = audit.history(estate.master).last()
    assert event is not None
    assert (event.action, event.actor) == ("master.action_refused", user)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"approvals": 0}, "approvals"),
        ({"approvals": 4}, "approvals"),
        ({"approvals": 2, "change_approvals": 2}, "change_approvals"),
        ({"change_approvals": 4}, "change_approvals"),
        ({"many_lines": 0}, "many_lines"),
        ({"off_hours_approvals": 2, "opens": time(18), "closes": time(8)}, "closes"),
        ({"off_hours_approvals": 2, "days": ""}, "days"),
        ({"off_hours_approvals": 2, "days": "8"}, "days"),
        ({"off_hours_approvals": 2, "zone": "Europe/Nowhere"}, "zone"),
        ({}, "__all__"),
    ],
)
def test_a_policy_that_asks_for_nothing_or_nonsense_is_not_saved(
    estate: cast.Estate, administrator: User, rules: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        policies.save(ApprovalPolicy(master=estate.master, **rules), actor=administrator, version=0)
    assert list(caught.value.problems) == [field]
    assert not ApprovalPolicy.objects.exists()


@pytest.mark.parametrize("rules", [{"approvals": 0}, {"approvals": 4}, {"change_approvals": 4}])
def test_the_database_refuses_it_too(estate: cast.Estate, rules: dict[str, int]) -> None:
    made = ApprovalPolicy(master=estate.master, version=1, made_at=timezone.now(), **rules)
    with pytest.raises(IntegrityError), transaction.atomic():
        made.save()


def test_a_page_from_before_somebody_else_saved_is_stale(estate: cast.Estate, administrator: User) -> None:
    policies.save(ApprovalPolicy(master=estate.master, approvals=2), actor=administrator, version=0)
    with pytest.raises(Stale, match="Ada Administrator has changed the policy meanwhile; it is version 1"):
        policies.save(ApprovalPolicy(master=estate.master, approvals=3), actor=administrator, version=0)


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_at_once_one_saves(estate: cast.Estate, administrator: User) -> None:
    for version in range(5):
        results = together(
            *(
                partial(
                    policies.save,
                    ApprovalPolicy(master=estate.master, approvals=2, many_lines=10 + 2 * version + one),
                    actor=administrator,
                    version=version,
                )
                for one in (1, 2)
            )
        )
        assert sorted(type(result).__name__ for result in results) == ["ApprovalPolicy", "Stale"], results
    assert estate.master.approval_policies.count() == 5


def test_the_rehearsal_counts_lists_what_differs_and_what_nobody_could_have_approved(
    estate: cast.Estate, staff: User, superuser: User, supervisor: User
) -> None:
    one = filing.file(cast.draft(estate.sub, estate.trunk, "18888001"), actor=staff)
    three = filing.file(
        cast.draft(estate.sub, estate.trunk, "18888002", "18888003", "18888004"), actor=superuser
    )
    found = rehearse(ApprovalPolicy(master=estate.master, many_lines=2, many_lines_approvals=2))
    assert found.counts == [(1, 1), (2, 1), (3, 0)]
    assert [row.trunk_request for row in found.differing] == [three]
    assert found.differing[0].why == ("it has 3 lines",)
    # The superuser is a supervisor, and the author: only Sam is left for two approvals.
    assert [(row.trunk_request, row.could) for row in found.unreachable] == [(three, 1)]
    assert [row.trunk_request for row in found.rows] == [three, one]


def test_the_rehearsal_leaves_out_what_is_older_and_counts_what_nobody_noted(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User
) -> None:
    rows = TrunkRequest.objects.filter(pk=trunk_request.pk)
    rows.update(policy={})
    strict = ApprovalPolicy(master=estate.master, first_trunk_approvals=3)
    assert (rehearse(strict).untold, rehearse(strict).counts[0]) == (1, (1, 1))
    rows.update(filed_at=timezone.now() - timedelta(days=91))
    assert rehearse(strict).rows == ()


def test_the_rehearsal_says_how_many_it_leaves_out_because_there_are_too_many(
    estate: cast.Estate, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = [
        filing.file(cast.draft(estate.sub, estate.trunk, dnis), actor=staff)
        for dnis in ("18888001", "18888002", "18888003")
    ]
    monkeypatch.setattr(rehearsal, "MOST", 2)
    found = rehearse(ApprovalPolicy(master=estate.master))
    assert ([row.trunk_request for row in found.rows], found.earlier) == (filed[:0:-1], 1)


def test_the_rehearsal_reads_no_lines_of_what_has_its_facts_noted(
    estate: cast.Estate, staff: User, django_assert_num_queries: Any
) -> None:
    filing.file(cast.draft(estate.sub, estate.trunk, "18888001"), actor=staff)
    with django_assert_num_queries(3) as asked:
        rehearse(ApprovalPolicy(master=estate.master))
    assert not any(Line._meta.db_table in query["sql"] for query in asked.captured_queries)
    TrunkRequest.objects.update(policy={})
    with django_assert_num_queries(4):
        rehearse(ApprovalPolicy(master=estate.master))


@pytest.mark.parametrize("count", [1, 12])
def test_the_rehearsal_takes_a_fixed_number_of_queries(
    estate: cast.Estate, staff: User, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        filing.file(cast.draft(estate.sub, estate.trunk, f"188880{number:02}"), actor=staff)
    with django_assert_num_queries(3):
        rehearse(ApprovalPolicy(master=estate.master))


def test_it_is_told_when_too_few_could_approve(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User
) -> None:
    assert deciders.shortage(trunk_request) == ""
    cast.policy(estate.master, approvals=2)
    assert deciders.shortage(trunk_request) == (
        "It takes 2 approvals, and only Sam Supervisor could give one:"
        " an administrator has to make somebody a supervisor."
    )
    RoleGrant.objects.filter(user=supervisor).delete()
    assert deciders.shortage(trunk_request).startswith("Nobody but its authors could approve it")
