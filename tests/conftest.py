"""Fixtures for all tests: the cast, the estate, and clients that are signed in."""

import gc
import time
from collections.abc import Callable, Iterator

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from pytest_django import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from tests import cast, trail
from trunks import dispatch, turns
from trunks.models import Role, TrunkRequest, User
from trunks.workflow import filing

SignedIn = Callable[[User], Client]
LONGEST = ("bench", "chaos", "faults", "journey", "strangers")
DAY, LAST_SECONDS = 86400, 5

# Most of what a test makes is gone soon, and with Django in memory each look at all that is there takes a tenth of a
# second. What a cycle keeps open is still found, at the end of the run at the latest.
gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest tests run first: one that began last would run alone, beside a process without work."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let no test begin in the last seconds of a UTC day: most say "today" more than once."""
    if (left := DAY - time.time() % DAY) < LAST_SECONDS:
        time.sleep(left)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let tests empty the audit trail, and let go of the test database at the end.

    A process that a test has killed may still be in it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", trail.flush)
        patch.setattr(type(connection.ops), "sql_flush", trail.deletions)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        yield
    # Where none of the chosen tests asked for it, pytest-django has made no test database.
    made = str(connection.settings_dict["NAME"]).startswith("test_")
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql" and made:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Spare tests a second for each password that is set or typed; real processes take the rounds that they take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", cast.QuickHasher.iterations)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_found_once() -> Iterator[None]:
    """Spare each new client, which makes its middleware anew, to look through all folders of static files."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, dict[str, object]] = {}

    def take_over(middleware: WhiteNoiseMiddleware) -> None:
        folders = repr(settings.STATICFILES_DIRS)
        if folders not in found:
            look(middleware)
            found[folders] = middleware.files
        middleware.files = found[folders]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", take_over)
        yield


@pytest.fixture(autouse=True)
def _clean_slate() -> Iterator[None]:
    """Forget what rate limits have counted, and what calls for a master account of the same number have measured."""
    cache.clear()
    turns._measured.clear()
    turns._counted.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return the rings for a worker, as (task name, id), that would have been sent; none reaches a broker.

    Those of the outbox are left out: nearly every verb has something to tell, and its own tests look at the outbox.
    """
    rings: list[tuple[str, int]] = []

    class Bell:
        def __init__(self, name: str, pk: int) -> None:
            self.ring = (name, pk)

        def delay(self) -> None:
            outbox = (dispatch.SPREAD, dispatch.SPREAD_DUE, dispatch.LETTERS, dispatch.DELIVERIES)
            if self.ring[0] not in outbox:
                rings.append(self.ring)

    monkeypatch.setattr(current_app, "signature", lambda name, args: Bell(name, args[0]))
    return rings


@pytest.fixture
def staff(db: None) -> User:
    return cast.person("Stella Staff", Role.STAFF)


@pytest.fixture
def second_staff(db: None) -> User:
    return cast.person("Stan Staff", Role.STAFF)


@pytest.fixture
def supervisor(db: None) -> User:
    return cast.person("Sam Supervisor", Role.SUPERVISOR)


@pytest.fixture
def second_supervisor(db: None) -> User:
    return cast.person("Sue Supervisor", Role.SUPERVISOR)


@pytest.fixture
def manager(db: None) -> User:
    return cast.person("Mia Manager", Role.MANAGER)


@pytest.fixture
def administrator(db: None) -> User:
    return cast.person("Ada Administrator", Role.ADMINISTRATOR)


@pytest.fixture
def stranger(db: None) -> User:
    """Return a person who can sign in and holds no role."""
    return cast.person("Sid Stranger")


@pytest.fixture
def superuser(db: None) -> User:
    """Return a superuser who is staff and supervisor, and is exempt from nothing."""
    return cast.person("Sol Superuser", Role.STAFF, Role.SUPERVISOR, superuser=True)


@pytest.fixture
def estate(db: None) -> cast.Estate:
    return cast.make_estate()


@pytest.fixture
def other_staff(estate: cast.Estate) -> User:
    """Return staff of the other master account only."""
    return cast.person("Otto Other", Role.STAFF, master=estate.foreign_master)


@pytest.fixture
def trunk_request(estate: cast.Estate, staff: User) -> TrunkRequest:
    """Return a pending request with one line, filed by staff."""
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    return filing.file(draft, actor=staff)


@pytest.fixture
def signed_in() -> SignedIn:
    """Return a function that gives a client on which the person is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
