"""A database that gives way in the middle of a change: neither change nor event, and the person is told."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection
from django.db.utils import ConnectionHandler
from django.test import Client

from portal import sessions
from tests import trail
from tests.conftest import SignedIn
from trunks.models import State, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.views import unavailable

pytestmark = pytest.mark.django_db(transaction=True)
COMMENT = 'They "grow"; <b>soon</b>.'


def approve(client: Client, trunk_request: TrunkRequest) -> str:
    """Approve by the page and return what it says, which must be that it was not done."""
    answer = client.post(
        f"/requests/{trunk_request.reference}/approve/",
        {"version": "1", "comment": COMMENT, "password": "p4ss"},
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    return answer.content.decode()


def assert_nothing_was_done(page: str, trunk_request: TrunkRequest) -> None:
    connection.close()  # as at the end of a request: the next one gets another
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.version) == (State.PENDING, 1)
    assert not trunk_request.decisions.exists()
    assert [event.action for event in AuditEvent.objects.all()] == ["request.filed"]
    assert trail.misfits() == []
    assert "This was not done" in page
    assert "They &quot;grow&quot;; &lt;b&gt;soon&lt;/b&gt;." in page
    assert "p4ss" not in page


@contextmanager
def when_an_event_is_written(body: str) -> Iterator[None]:
    """Run `body` in the database when the event of a change is written, after the change itself."""
    run = trail.run
    run(
        f"CREATE FUNCTION give_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$",
        f"CREATE TRIGGER zz_give_way BEFORE INSERT ON {trail.TABLES[0]} FOR EACH ROW EXECUTE FUNCTION give_way()",
    )
    try:
        yield
    finally:
        connection.close()
        run("DROP FUNCTION give_way() CASCADE")


def test_a_full_disk(trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn) -> None:
    client = signed_in(supervisor)
    full = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'"
    with when_an_event_is_written(full):
        page = approve(client, trunk_request)
    assert unavailable.FULL in page
    assert_nothing_was_done(page, trunk_request)


def test_a_lost_connection(trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn) -> None:
    client = signed_in(supervisor)
    with when_an_event_is_written("PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1)"):
        page = approve(client, trunk_request)
    assert unavailable.AWAY in page
    assert_nothing_was_done(page, trunk_request)


@pytest.mark.sqlite
def test_a_database_that_takes_no_changes(
    trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn
) -> None:
    client = signed_in(supervisor)
    ours = connection.vendor == "sqlite"
    trail.run("PRAGMA query_only = on" if ours else "SET default_transaction_read_only = on")
    page = approve(client, trunk_request)
    assert client.get("/readyz").json()["database"] is ours  # which has no word for it
    assert unavailable.READ_ONLY in page
    assert_nothing_was_done(page, trunk_request)


@pytest.mark.parametrize("kind", ["serialization_failure", "deadlock_detected"])
def test_a_change_that_crosses_another(
    kind: str, trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn
) -> None:
    client = signed_in(supervisor)
    with when_an_event_is_written(f"RAISE EXCEPTION 'could not serialize' USING ERRCODE = '{kind}'"):
        page = approve(client, trunk_request)
    assert unavailable.CROSSED in page
    assert_nothing_was_done(page, trunk_request)


def test_what_was_not_done_can_be_sent_again(
    trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn
) -> None:
    client = signed_in(supervisor)
    with when_an_event_is_written("RAISE EXCEPTION 'x' USING ERRCODE = 'disk_full'"):
        approve(client, trunk_request)
    again = {"version": "1", "comment": COMMENT}
    assert client.post(f"/requests/{trunk_request.reference}/approve/", again).status_code == 302
    trunk_request.refresh_from_db()
    assert trunk_request.state == State.APPROVED


@contextmanager
def while_another_writes() -> Iterator[None]:
    """Hold, on another connection, the lock that every change needs, and let ours wait for a moment only."""
    impatience = "PRAGMA busy_timeout = 50" if connection.vendor == "sqlite" else "SET lock_timeout = '50ms'"
    other = ConnectionHandler({"default": connection.settings_dict})["default"]
    trail.run(impatience)
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
            if connection.vendor != "sqlite":
                cursor.execute(f"LOCK TABLE {trail.TABLES[1]} IN EXCLUSIVE MODE")
            yield
    finally:
        other.close()


@pytest.mark.sqlite
def test_a_change_that_waits_in_vain_for_another(
    trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn
) -> None:
    client = signed_in(supervisor)
    with while_another_writes():
        page = approve(client, trunk_request)
    assert unavailable.BUSY in page
    assert_nothing_was_done(page, trunk_request)


def fill_the_file() -> None:
    """Let SQLite's file grow no more, for this connection, and fill what is free in it."""
    trail.run("CREATE TABLE IF NOT EXISTS filler (x)", "PRAGMA max_page_count = 1")
    with pytest.raises(OperationalError, match="full"):
        trail.run(*["INSERT INTO filler VALUES (zeroblob(500))"] * 100_000)


@pytest.mark.sqlite
def test_a_database_that_is_full(trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn) -> None:
    client = signed_in(supervisor)
    if connection.vendor == "sqlite":
        fill_the_file()
        comment = "\N{SNOWMAN}" * 1900  # more than what is free in any page
        full = {"version": "1", "comment": comment}
        answer = client.post(f"/requests/{trunk_request.reference}/deny/", full)
        assert answer.status_code == 503
        page = answer.content.decode()
        assert unavailable.FULL in page
        assert comment in page
    else:
        with when_an_event_is_written("RAISE EXCEPTION 'x' USING ERRCODE = 'disk_full'"):
            page = approve(client, trunk_request)
        assert unavailable.FULL in page
    connection.close()
    if connection.vendor == "sqlite":
        trail.run("DROP TABLE filler")
    trunk_request.refresh_from_db()
    assert (trunk_request.state, AuditEvent.objects.count()) == (State.PENDING, 1)
    assert trail.misfits() == []


@pytest.mark.sqlite
def test_a_page_that_cannot_be_shown_says_so_and_other_faults_are_left_to_django(
    staff: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    client = signed_in(staff)
    monkeypatch.setattr("trunks.views.home.render", away)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "This cannot be shown right now" in answer.content.decode()
    assert unavailable.answer(answer.wsgi_request, ZeroDivisionError()) is None


def away(*_: object, **__: object) -> None:
    raise OperationalError("connection refused")


@pytest.mark.sqlite
def test_a_database_that_is_away_is_told_of_before_anybody_is_known(
    trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(supervisor)
    client.raise_request_exception = False
    monkeypatch.setattr(sessions, "_SESSION", away)  # when it is asked who somebody is
    answer = client.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    page = answer.content.decode()
    assert "This cannot be shown right now" in page
    assert f"<code>{answer['X-Request-ID']}</code>" in page
    page = approve(client, trunk_request)
    assert unavailable.AWAY in page
    assert_nothing_was_done(page, trunk_request)


@pytest.mark.sqlite
@pytest.mark.parametrize("ours", [True, False])
def test_a_form_from_elsewhere_is_not_handed_back(monkeypatch: pytest.MonkeyPatch, ours: bool) -> None:
    monkeypatch.setattr(sessions, "_SESSION", away)
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies[configured.SESSION_COOKIE_NAME] = "s" * 32
    client.cookies[configured.CSRF_COOKIE_NAME] = "a" * 32
    typed = {"comment": COMMENT, "csrfmiddlewaretoken": "a" * 32 if ours else "b" * 32}
    answer = client.post("/requests/TR-000001/approve/", typed)
    assert answer.status_code == 503
    assert ("They &quot;grow" in answer.content.decode()) is ours


@pytest.mark.sqlite
def test_what_a_view_may_have_done_is_not_called_undone(
    trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(supervisor)
    client.raise_request_exception = False
    monkeypatch.setattr(sessions.SessionStore, "save", away)  # of what the page says next
    monkeypatch.setattr(configured, "SESSION_SAVE_EVERY_REQUEST", True)
    answer = client.post(
        f"/requests/{trunk_request.reference}/approve/", {"version": "1", "comment": COMMENT}
    )
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "may or may not have been saved" in page
    assert f"<code>{answer['X-Request-ID']}</code>" in page
    trunk_request.refresh_from_db()
    assert trunk_request.state == State.APPROVED
