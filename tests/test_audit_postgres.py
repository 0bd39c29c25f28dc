"""How the audit trail is kept where only PostgreSQL knows it: sessions with settings, TRUNCATE, replicas."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests import cast, trail
from tests.test_audit_guard import COLUMNS, EVENT, HEAD, record, run
from tests.together import together
from trunks import audit, audit_chain, audit_finding, audit_index, audit_quick
from trunks.actions import Action
from trunks.audit_chain import Place
from trunks.audit_reading import Filters
from trunks.models import User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.workflow import verifying

pytestmark = pytest.mark.django_db

SESSIONS = {
    "DateStyle": "SQL, DMY",
    "TimeZone": "Asia/Kathmandu",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "IntervalStyle": "sql_standard",
}


@pytest.mark.parametrize("table", [EVENT, HEAD])
def test_truncate_is_refused(table: str, staff: User) -> None:
    record(staff)
    with pytest.raises(IntegrityError, match="append-only"):
        run(f"TRUNCATE {table}")


@pytest.mark.parametrize(
    "sql", [f"UPDATE {EVENT} SET comment = 'x'", f"DELETE FROM {EVENT}", f"TRUNCATE {EVENT}"]
)
def test_who_plays_a_replica_is_refused_as_well(sql: str, staff: User) -> None:
    record(staff)
    run("SET LOCAL session_replication_role = replica")
    with pytest.raises(IntegrityError, match="append-only"):
        run(sql)


@pytest.mark.parametrize("name", SESSIONS)
def test_no_setting_of_the_session_changes_a_hash(name: str, staff: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        before = cursor.fetchone()[0]
        cursor.execute(f"SET LOCAL {name} = '{SESSIONS[name]}'")
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff, comment="Zürich \\ 'x'", after={"a": "\\n"})
        cursor.execute(f"SET LOCAL {name} = '{before}'")
    assert AuditEvent.objects.get().comment == "Zürich \\ 'x'"
    assert trail.misfits() == []


def test_nobody_slips_functions_of_their_own_under_the_chain(staff: User) -> None:
    run("CREATE SCHEMA evil")
    run("CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT 'x'::bytea $$")
    run(f"CREATE TEMPORARY TABLE {HEAD} (id int, position bigint, at timestamptz, hash text)")
    run("SET LOCAL search_path = evil, pg_catalog, public, pg_temp")
    record(staff)
    assert trail.misfits() == []


def test_an_event_is_one_statement(staff: User) -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff)
    assert [query["sql"].split()[0] for query in queries] == ["INSERT"]


@pytest.mark.parametrize("at", ["'2020-01-31 23:59:59+00'", "'2999-01-01'", "at", "NULL"])
def test_an_event_that_was_sent_to_another_month_is_written_in_the_right_one(at: str, staff: User) -> None:
    record(staff)
    run(f"INSERT INTO {EVENT} (at, {COLUMNS}) SELECT {at}, {COLUMNS} FROM {EVENT}")
    assert abs(AuditEvent.objects.get(id=2).at - datetime.now(UTC)) < timedelta(minutes=1)
    assert trail.misfits() == []


def test_who_waited_over_the_end_of_a_month_writes_into_the_new_one(staff: User) -> None:
    ahead = datetime.now(UTC) + timedelta(days=40)
    with trail.unguarded():
        AuditHead.objects.update(at=ahead)
    assert record(staff).at == ahead
    assert trail.misfits() == []


def test_without_a_head_there_is_no_event(staff: User) -> None:
    with trail.unguarded():
        AuditHead.objects.all().delete()
    with pytest.raises(DatabaseError, match="no rows"):
        record(staff)


@pytest.mark.django_db(transaction=True)
def test_the_second_writer_waits_for_the_first_and_follows_it() -> None:
    user = cast.person("Wilma Writer")

    def write() -> None:
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=user, on=user)
            run("SELECT pg_sleep(0.2)")

    assert together(write, write) == [None, None]
    first, second = AuditEvent.objects.order_by("id")
    assert second.at >= first.at
    assert trail.misfits() == []


SHADOWS = (
    "CREATE FUNCTION audit_lie(VARIADIC anyarray) RETURNS integer LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'a shadow was asked'; END $$",
    "CREATE FUNCTION octet_length(varchar) RETURNS integer LANGUAGE sql AS 'SELECT audit_lie(1)'",
    "CREATE FUNCTION octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT audit_lie(1)'",
    "CREATE FUNCTION length(text) RETURNS integer LANGUAGE sql AS 'SELECT audit_lie(1)'",
    "CREATE FUNCTION concat(VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT audit_lie(1)::text'",
    "CREATE FUNCTION date_part(text, timestamptz) RETURNS float8 LANGUAGE sql AS 'SELECT audit_lie(1)::float8'",
    "CREATE FUNCTION audit_join(text, text) RETURNS text LANGUAGE sql AS 'SELECT audit_lie(1)::text'",
    "CREATE OPERATOR || (FUNCTION = audit_join, LEFTARG = text, RIGHTARG = text)",
    "SET LOCAL search_path = public, pg_catalog",
)


def test_neither_way_asks_a_function_that_somebody_put_in_front(staff: User) -> None:
    """Whoever may create functions could otherwise have the altered text be read as what it was."""
    for _ in range(3):
        record(staff)
    whole = audit_chain.follow(Place(), audit_chain.piece(0, 3))
    trail.run(*SHADOWS)
    assert audit_quick.prove(Place(), 3, ()) == [whole]
    assert verifying.verify().checked == 3


@pytest.mark.django_db(transaction=True)
def test_who_is_in_the_middle_of_a_change_keeps_no_other_from_recording(staff: User) -> None:
    def tell(comment: str) -> None:
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff, comment=comment)

    def another() -> None:
        run("SET lock_timeout = '2s'")
        with audit.change():
            tell("another's")

    with audit.change():
        tell("mine")
        assert together(another) == [None]
        assert AuditEvent.objects.count() == 1
    said = AuditEvent.objects.order_by("id").values_list("comment", flat=True)
    assert list(said) == ["another's", "mine"]


def test_the_list_and_an_export_find_the_same_by_letters_that_have_several_small_ones(manager: User) -> None:
    written = ("\u039f\u03a3", "\u03bf\u03c2", "\u03bf\u03c3", "\u00b5m", "\u03bcm", "\u017fee", "see")
    for comment in written:
        record(manager, comment=comment)
    for words in (*written, *map(str.upper, written)):
        page = audit_finding.find(manager, Filters(q=words), audit_index.standing())
        assert [event.pk for event in page.rows] == [
            event.pk for event in audit.search(manager, Filters(q=words))
        ]
