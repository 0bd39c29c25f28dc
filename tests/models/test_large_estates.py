"""The lists of an estate end where the page ends: no row behind it is looked at, and none before it."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from tests import cast
from trunks import access
from trunks.models import ListedTrunk, SubAccount, User, usage
from trunks.models.drift import Drift, drifting
from trunks.views import paging

pytestmark = pytest.mark.sqlite

MANY = 1500
READ = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _many(estate: cast.Estate) -> None:
    seen: dict[str, Any] = {"first_seen_at": READ, "last_seen_at": READ}
    named = [{"zoom_id": f"Z{number}", "name": f"C {number:05}"} for number in range(MANY)]
    accounts = SubAccount.objects.bulk_create(
        SubAccount(master=estate.master, trunks_read_at=READ, **seen, **name) for name in named
    )
    ListedTrunk.objects.bulk_create(
        ListedTrunk(master=estate.master, sub_account=account, zoom_id="own", dnis=f"18{number:06}", **seen)
        for number, account in enumerate(accounts)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def lists(staff: User) -> dict[str, tuple[QuerySet[Any], Sequence[str], list[Any]]]:
    """Return the lists, each with what it is ordered by and a place in the middle of it."""
    not_filed = drifting(access.sub_accounts_for(staff).order_by(), [Drift.NOT_FILED], many=True)
    customers = usage.with_counts(access.search_sub_accounts(staff, "")).filter(gone_at__isnull=True)
    return {
        "drift": (not_filed, ("dnis", "id"), ["18000700", 1]),
        "sub accounts": (customers, ("name", "id"), ["C 00700", 1]),
    }


@pytest.mark.parametrize("name", ["drift", "sub accounts"])
def test_the_first_page_sorts_nothing(staff: User, name: str) -> None:
    rows, key, _ = lists(staff)[name]
    plan = rows.order_by(*key)[:51].explain()
    assert "_of_any_by_" in plan, plan
    assert "Sort Key" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize("where", ["after", "before"])
@pytest.mark.parametrize("name", ["drift", "sub accounts"])
def test_a_page_in_the_middle_begins_in_the_middle_of_the_index(
    staff: User, name: str, where: str, rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rows, key, place = lists(staff)[name]
    with django_assert_num_queries(1) as asked:
        found = paging.page(rows, rf.get("/", {where: json.dumps(place)}), key)
    assert len(found.rows) == 50
    plan = explained(asked.captured_queries[0]["sql"])
    entered = r"\(%s%s\?\)" if connection.vendor == "sqlite" else r"Index Cond: \(\(%s\)::text %s= "
    assert re.search(entered % (key[0], ">" if where == "after" else "<"), plan), plan


def explained(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
