"""On PostgreSQL each month of events is a table of its own, made ahead, and kept like the whole."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, connection

from portal import celery_settings
from tests import trail
from tests.test_audit_guard import EVENT, record, run
from trunks import audit, tasks
from trunks.models import User
from trunks.models.audit_event import AuditEvent, AuditHead

pytestmark = pytest.mark.django_db


def parts() -> dict[str, str]:
    """Return the bounds of each part by its name."""
    return dict(
        trail.query(
            "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r'"
            f" AND relname LIKE '{EVENT}_%'"
        )
    )


def part_of(event: AuditEvent) -> str:
    return str(trail.query(f"SELECT tableoid::regclass::text FROM {EVENT} WHERE id = {event.pk}")[0][0])


def test_this_month_three_more_and_the_rest_have_their_tables(staff: User) -> None:
    assert len(parts()) == 5
    assert parts()[f"{EVENT}_rest"] == "DEFAULT"
    assert part_of(record(staff)) == f"{EVENT}_{datetime.now(UTC):%Y_%m}"
    assert trail.query("SELECT audit_months_ahead()") == [(0,)]


@pytest.mark.parametrize("part", ["rest", f"{datetime.now(UTC):%Y_%m}"])
def test_every_part_is_kept_like_the_whole(part: str, staff: User) -> None:
    name = f"{EVENT}_{part}"
    kept = trail.query(
        f"SELECT tgname FROM pg_trigger WHERE tgrelid = '{name}'::regclass AND tgenabled = 'A' ORDER BY tgname"
    )
    assert kept == [("audit_chain",), ("audit_keep",), ("audit_keep_all",)]
    with pytest.raises(IntegrityError, match="append-only"):
        run(f"TRUNCATE {name}")


@pytest.mark.parametrize("sql", ["UPDATE {} SET comment = 'x'", "DELETE FROM {}"])
def test_no_part_lets_a_row_be_changed(sql: str, staff: User) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        run(sql.format(part_of(record(staff))))


def test_what_came_before_its_month_was_made_is_kept_and_moves_there(staff: User) -> None:
    before, far = record(staff), datetime.now(UTC) + timedelta(days=400)
    with trail.unguarded():
        AuditHead.objects.update(at=far)
    strays = [record(staff), record(staff)]
    assert [part_of(event) for event in strays] == [f"{EVENT}_rest"] * 2
    assert trail.query(f"SELECT audit_month('{far:%Y-%m}-01 00:00+00')") == [(True,)]
    assert [part_of(event) for event in strays] == [f"{EVENT}_{far:%Y_%m}"] * 2
    assert part_of(before) == f"{EVENT}_{before.at:%Y_%m}"
    assert trail.misfits() == []
    test_every_part_is_kept_like_the_whole(f"{far:%Y_%m}", staff)
    test_every_part_is_kept_like_the_whole("rest", staff)


def test_every_part_has_every_index() -> None:
    counted = trail.query(
        "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
        f" WHERE relname LIKE '{EVENT}%' GROUP BY relname"
    )
    assert len(set(counted)) == 1
    assert counted[0][0] >= len(AuditEvent._meta.indexes) + 1


def test_a_question_with_a_date_looks_into_its_months_only(staff: User) -> None:
    since = datetime.now(UTC)
    plan = AuditEvent.objects.filter(at__gte=since, at__lt=since + timedelta(minutes=1)).explain()
    assert {name for name in parts() if f" {name}" in plan} <= {f"{EVENT}_{since:%Y_%m}", f"{EVENT}_rest"}


def test_ten_years_are_paged_through_the_index_of_each_month(staff: User) -> None:
    for year in range(2016, 2026):
        for month in range(1, 13):
            run(f"SELECT audit_month('{year}-{month:02d}-01 00:00+00')")
    record(staff)
    plan = AuditEvent.objects.filter(id__lt=10**6).order_by("-id")[:100].explain(analyze=True)
    assert plan.count("Index Scan Backward") == len(parts()) == 125
    assert "Sort  " not in plan


@pytest.mark.sqlite
def test_the_coming_months_are_made_by_the_clock_of_the_worker() -> None:
    if connection.vendor == "postgresql":
        run(f"DROP TABLE {EVENT}_{datetime.now(UTC) + timedelta(days=75):%Y_%m}")
    assert audit.make_coming_months() == (1 if connection.vendor == "postgresql" else 0)
    tasks.make_audit_months()
    assert audit.make_coming_months() == 0
    assert celery_settings.beat_schedule["audit-months"]["task"] == "trunks.tasks.make_audit_months"


def test_events_keep_number_time_and_hash_when_the_table_is_joined_and_divided(staff: User) -> None:
    kept = [record(staff), record(staff)]
    months = import_module("trunks.migrations.0005_audit_months")
    with connection.schema_editor() as editor:
        months.join(None, editor)
    assert not parts()
    last = record(staff)
    with connection.schema_editor() as editor:
        months.divide(None, editor)
    assert list(AuditEvent.objects.order_by("id")) == [*kept, last]
    assert part_of(last) == part_of(kept[0]) == f"{EVENT}_{last.at:%Y_%m}"
    assert len(parts()) == 5
    assert trail.misfits() == []
