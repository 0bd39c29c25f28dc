"""What only PostgreSQL tells of a statement that is compiled once: the times that stand in it."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from trunks.compiled import Found, Param
from trunks.compiled_writing import Updates
from trunks.models import TrunkRequest

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
