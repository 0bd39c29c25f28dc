"""Queries that are compiled once give what Django's own give, each time with the values of that time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import DurationField, Exists, F, OuterRef, Value
from django.db.models.functions import Coalesce
from django.test.utils import CaptureQueriesContext

from tests import cast
from trunks.compiled import Found, Param, Rows, Values, set_related
from trunks.compiled_writing import Inserts, Updates
from trunks.models import Attempt, Line, ListedTrunk, MasterAccount, SubAccount, TrunkRequest, User, clock

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

ONE = Rows(
    lambda: TrunkRequest.objects.filter(pk=Param("pk")).select_related("master", "sub_account", "approved_by")
)
LISTED = Inserts(ListedTrunk, unique=("sub_account", "zoom_id", "dnis"), update=("name", "last_seen_at"))
ATTEMPTS = Inserts(Attempt)
NAMED = Found(lambda: MasterAccount.objects.filter(name=Param("name")))
NAMES = Values(
    lambda: SubAccount.objects.filter(master=Param("master")).order_by("id").values_list("id", "name")
)
UPDATE = Updates(lambda: TrunkRequest.objects.filter(pk=Param("pk"), version=Param("version")))


def test_a_row_is_what_django_would_have_read(trunk_request: TrunkRequest) -> None:
    for _ in range(2):
        [found] = ONE(pk=trunk_request.pk)
        with CaptureQueriesContext(connection) as asked:
            joined = (str(found.master), str(found.sub_account), found.approved_by)
        assert asked.captured_queries == []
        ordinary = TrunkRequest.objects.get(pk=trunk_request.pk)
        for field in TrunkRequest._meta.concrete_fields:
            assert getattr(found, field.attname) == getattr(ordinary, field.attname), field.attname
        assert joined == (str(ordinary.master), str(ordinary.sub_account), None)
        assert found._state.db == "default"
        assert not found._state.adding
    assert ONE(pk=0) == []


def test_the_values_are_those_of_each_time(estate: cast.Estate) -> None:
    other = cast.master_account("Tailspin", "tailspin", ("id", "secret"))
    assert NAMED(name=estate.master.name)
    assert NAMED(name=other.name)
    assert not NAMED(name="Nobody' OR '1'='1")
    mine = SubAccount.objects.filter(master=estate.master).order_by("id")
    assert NAMES(master=estate.master.pk) == list(mine.values_list("id", "name"))
    assert NAMES(master=other.pk) == []


@pytest.mark.parametrize("name", ["", "word", "It's", "50 %", "%s", "a\\'b", "Ω"])
def test_what_a_statement_says_for_good_is_said_as_it_is(estate: cast.Estate, name: str) -> None:
    cast.master_account(name, "named", ("id", "secret"))
    said = Values(
        lambda: MasterAccount.objects.filter(name=name, zoom_id="named").values_list(Value(name + "%"))
    )
    assert said() == [(name + "%",)]


def test_an_update_writes_texts_times_people_and_expressions(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)
    for version, text in enumerate(("50 %", "It's new"), start=trunk_request.version):
        given = {"pk": trunk_request.pk, "version": version}
        written = {"waiting_for": text, "next_attempt_at": moment, "approved_by": supervisor}
        assert UPDATE.update(given, **written, version=F("version") + 1) == 1
        trunk_request.refresh_from_db()
        assert (trunk_request.waiting_for, trunk_request.next_attempt_at) == (text, moment)
        assert (trunk_request.approved_by, trunk_request.version) == (supervisor, version + 1)
    assert UPDATE.update(given, **written) == 0
    assert UPDATE.update({**given, "version": trunk_request.version}, next_attempt_at=None) == 1
    trunk_request.refresh_from_db()
    assert trunk_request.next_attempt_at is None


def test_one_statement_writes_every_span_from_now(trunk_request: TrunkRequest) -> None:
    update = Updates(lambda: TrunkRequest.objects.filter(pk=Param("pk")))
    for lease, wait in ((3600.0, 60.0), (90.0, 7200.0)):
        update.update(
            {"pk": trunk_request.pk}, lease_until=clock.after(lease), next_attempt_at=clock.after(wait)
        )
        trunk_request.refresh_from_db()
        now = clock.read()
        for written, seconds in ((trunk_request.lease_until, lease), (trunk_request.next_attempt_at, wait)):
            assert written is not None
            assert abs((written - now).total_seconds() - seconds) < 30
    assert len(update._kept) == 1


def test_a_span_that_would_be_kept_for_good_is_refused(trunk_request: TrunkRequest) -> None:
    given = {"pk": trunk_request.pk, "version": trunk_request.version}
    for expression in (F("changed_at") + timedelta(hours=1), Coalesce("next_attempt_at", clock.after(5))):
        with pytest.raises(TypeError):
            UPDATE.update(given, next_attempt_at=expression)


def test_a_span_from_now_can_be_a_parameter(trunk_request: TrunkRequest) -> None:
    moved = Found(
        lambda: TrunkRequest.objects.filter(changed_at__gt=clock.after(Param("ago", DurationField())))
    )
    assert moved(ago=timedelta(minutes=-10))
    assert not moved(ago=timedelta(minutes=10))


def test_inserts_write_what_django_would_and_give_the_keys(estate: cast.Estate) -> None:
    moment = clock.read()
    made = [
        ListedTrunk(
            master=estate.master,
            sub_account=estate.sub,
            zoom_id=f"it's {number}",
            dnis=f"1888800{number}",
            outbound_caller_id=[None, "", "+1"][number],
            first_seen_at=moment,
            last_seen_at=moment,
        )
        for number in range(3)
    ]
    for rows in (made[:1], made[1:]):
        LISTED.insert(*rows)
    LISTED.insert()
    for row in made:
        assert not row._state.adding
        kept = ListedTrunk.objects.get(pk=row.pk)
        for field in ListedTrunk._meta.concrete_fields:
            assert getattr(kept, field.attname) == getattr(row, field.attname), field.attname


def test_what_is_there_already_is_written_over_in_the_columns_that_are_named(estate: cast.Estate) -> None:
    moment = clock.read()
    values = {"master": estate.master, "sub_account": estate.sub, "zoom_id": "t", "dnis": "18888000"}
    first = ListedTrunk(**values, name="old", first_seen_at=moment, last_seen_at=moment)
    LISTED.insert(first)
    later = moment + timedelta(hours=1)
    second = ListedTrunk(**values, name="new", first_seen_at=later, last_seen_at=later)
    LISTED.insert(second)
    assert second.pk == first.pk
    first.refresh_from_db()
    assert (first.name, first.first_seen_at, first.last_seen_at) == ("new", moment, later)


def test_an_insert_takes_the_time_of_the_database_and_spans_from_it(trunk_request: TrunkRequest) -> None:
    for fence, ahead in enumerate((0, 0, 3600, 60)):
        moment = clock.after(ahead) if ahead else clock.now()
        attempt = Attempt(trunk_request=trunk_request, fence=fence, started_at=moment)
        ATTEMPTS.insert(attempt)
        attempt.refresh_from_db()
        assert abs((attempt.started_at - clock.read()).total_seconds() - ahead) < 30


def test_an_insert_that_fails_leaves_a_transaction_that_must_be_rolled_back() -> None:
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            ATTEMPTS.insert(Attempt(trunk_request=None, fence=1, started_at=clock.now()))
        assert transaction.get_rollback()
        transaction.set_rollback(True)


def test_related_rows_are_had_without_another_question(trunk_request: TrunkRequest) -> None:
    lines = list(trunk_request.lines.all())
    one = TrunkRequest.objects.get(pk=trunk_request.pk)
    set_related(one, "lines", lines)
    with CaptureQueriesContext(connection) as asked:
        assert list(one.lines.all()) == lines
        assert all(line.trunk_request is one for line in one.lines.all())
    assert asked.captured_queries == []


def test_an_update_that_fails_leaves_a_transaction_that_must_be_rolled_back(
    trunk_request: TrunkRequest,
) -> None:
    given = {"pk": trunk_request.pk, "version": trunk_request.version}
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            UPDATE.update(given, waiting_for=None)
        assert transaction.get_rollback()
        transaction.set_rollback(True)


def test_what_is_annotated_comes_with_each_row(trunk_request: TrunkRequest) -> None:
    rows = Rows(
        lambda: TrunkRequest.objects.filter(pk=Param("pk")).annotate(
            seen_at=clock.now(),
            held=Exists(Line.objects.filter(trunk_request=OuterRef("pk")).exclude(hold="")),
        )
    )
    [one] = rows(pk=trunk_request.pk)
    assert one == trunk_request
    shown = vars(one)
    assert abs((shown["seen_at"] - clock.read()).total_seconds()) < 30
    assert shown["held"]
