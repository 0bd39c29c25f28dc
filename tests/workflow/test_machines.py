"""The database full, or held by somebody else: nothing is sent without its intent, and nothing is lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import F

from tests.conftest import SignedIn
from tests.together import together
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.actions import Action
from trunks.models import TrunkRequest, User
from trunks.workflow import sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle

pytestmark = pytest.mark.sqlite
TABLE = "trunks_auditevent"
FULL = {
    "postgresql": (
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.action = '{action}')"
        " EXECUTE FUNCTION no_room()",
    ),
    "sqlite": (
        "CREATE TRIGGER no_room BEFORE INSERT ON {table} WHEN NEW.action = '{action}'"
        " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    ),
}
ROOM = {
    "postgresql": ("DROP TRIGGER no_room ON {table}", "DROP FUNCTION no_room()"),
    "sqlite": ("DROP TRIGGER no_room",),
}


@contextmanager
def no_room_for(action: Action) -> Iterator[None]:
    """Have the audit trail take no event of the kind `action`, as on a disk that has just become full."""
    _run(FULL, action)
    try:
        yield
    finally:
        _run(ROOM, action)


def _run(statements: dict[str, tuple[str, ...]], action: Action) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement.format(table=TABLE, action=action.value))


def test_f28_without_room_for_the_intent_nothing_is_sent_and_the_request_goes_on_later(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    with no_room_for(Action.PROVISIONING_INTENDED):
        with pytest.raises(DatabaseError):
            provision(trunk_request.pk)
        assert states(trunk_request) == ("applying", ["not_sent"])
        assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []
        let_pass(trunk_request)
        sweeping.sweep()
    assert states(trunk_request) == ("approved", ["not_sent"])
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert set(zoom.assigned().values()) == {1}


def test_f28_without_room_for_the_outcome_the_state_stays_and_reading_settles_it(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    with no_room_for(Action.PROVISIONING_SETTLED), pytest.raises(DatabaseError):
        provision(trunk_request.pk)
    assert states(trunk_request)[0] == "applying"
    let_pass(trunk_request)
    sweeping.sweep()
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    let_pass(trunk_request)
    settle(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert set(zoom.assigned().values()) == {1}


@pytest.mark.django_db(transaction=True)
def test_f28_without_room_for_the_approval_the_person_is_told_and_nothing_changes(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(supervisor)
    client.raise_request_exception = False
    with no_room_for(Action.REQUEST_APPROVED):
        answer = client.post(
            f"/requests/{trunk_request.reference}/approve/", {"version": trunk_request.version, "comment": ""}
        )
    # SQLite has one error for whatever a trigger refuses, so that nobody can tell a full disk by it; a really full one
    # is told as such on both databases: tests/views/test_unavailable.py.
    told = (503, "This was not done") if connection.vendor == "postgresql" else (500, "went wrong")
    assert answer.status_code == told[0]
    assert told[1] in answer.content.decode()
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.decisions.count()) == ("pending", 0)
    assert not audit.history(trunk_request).filter(action=Action.REQUEST_APPROVED).exists()


def hold_the_database(seconds: float, held: threading.Event) -> None:
    """Keep everybody else from writing requests, as a second process in a long transaction does."""
    with transaction.atomic():
        TrunkRequest.objects.select_for_update().update(version=F("version"))
        held.set()
        time.sleep(seconds)


def test_f30_a_database_that_another_process_holds_is_waited_for(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request, held = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771"), threading.Event()

    def work() -> None:
        held.wait(5)
        provision(trunk_request.pk)

    together(lambda: hold_the_database(1.0, held), work)
    assert states(trunk_request) == ("done", ["assigned"])


@pytest.mark.parametrize("where", ["trunks.workflow.sending._intend", "trunks.workflow.sending._keep_answer"])
def test_f30_a_database_that_stays_locked_loses_nothing(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")

    def locked() -> None:
        raise OperationalError("database is locked")

    zoom.before(monkeypatch, where, locked)
    with pytest.raises(OperationalError):
        provision(trunk_request.pk)
    for _ in range(3):
        let_pass(trunk_request)
        sweeping.sweep()
        provision(trunk_request.pk)
        settle(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert set(zoom.assigned().values()) == {1}
