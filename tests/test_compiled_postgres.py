"""What only PostgreSQL tells of a statement that is compiled once: the times that stand in it."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from trunks.compiled import Found, Param, Values
from trunks.compiled_writing import Updates
from trunks.models import Line, TrunkRequest

pytestmark = pytest.mark.django_db
OLD = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_time_that_is_written_in_for_good_is_refused() -> None:
    always = Found(lambda: TrunkRequest.objects.filter(changed_at__gt=OLD))
    with pytest.raises(TypeError, match="must be a Param"):
        always()


def test_so_is_one_that_finds_what_is_updated() -> None:
    always = Updates(lambda: TrunkRequest.objects.filter(changed_at__gt=OLD))
    with pytest.raises(TypeError, match="must be a Param"):
        always.update({}, tries=0)


def test_the_database_keeps_the_plan_of_a_kept_statement() -> None:
    tried = Found(lambda: TrunkRequest.objects.filter(tries=Param("tries"), sends=Param("tries")))
    for tries in range(20):
        tried(tries=tries)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement ~ %s",
            ["sends.*tries"],
        )
        assert cursor.fetchall() == [(20,)]


def test_the_plan_for_any_values_uses_an_index_for_some_states_only() -> None:
    # Of all indexes only that one could serve: without its condition, the table would be read whole.
    lines = Line.objects.filter(dnis=Param("dnis")).exclude(hold="").order_by()
    held = Values(lambda: lines.values_list("pk"))
    assert not held(dnis="18888123")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements ORDER BY prepare_time DESC LIMIT 1")
        [[name]] = cursor.fetchall()
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN EXECUTE {name} ('18888123')")
        assert "one_holder_per_dnis" in str(cursor.fetchall())
