"""The token that all share: asked for once, however many want it."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from tests import cast
from tests.together import together
from trunks import connections
from trunks.connections import DatabaseTokenStore
from trunks.models import MasterAccount, RateBudget, ZoomToken, clock
from trunks.sandbox.estate import CONTOSO
from trunks.sandbox.server import Sandbox
from trunks.zoom.errors import CredentialsRefused, HeldBack, RateLimited
from trunks.zoom.types import Token

pytestmark = pytest.mark.sqlite

FUTURE = time.time() + 3600


def token(value: str, expires_at: float = FUTURE) -> Token:
    return Token(value, expires_at, "scope:a")


@pytest.fixture
def master(db: None) -> MasterAccount:
    return cast.master_account(CONTOSO.name, CONTOSO.account_id, (CONTOSO.client_id, CONTOSO.client_secret))


class Counter:
    """Stands for Zoom's token address, which takes a while to answer."""

    def __init__(self, seconds: float = 0.1) -> None:
        self.calls = 0
        self.seconds = seconds

    def __call__(self) -> Token:
        self.calls += 1
        time.sleep(self.seconds)
        return token(f"token-{self.calls}")


def test_a_store_is_empty_at_first_and_after_the_expiry(master: MasterAccount) -> None:
    store = DatabaseTokenStore(master)
    assert store.current() is None
    assert store.renew(None, lambda: token("one")).value == "one"
    assert store.current() == token("one")
    ZoomToken.objects.update(expires_at=time.time() - 1)
    assert store.current() is None
    assert str(ZoomToken.objects.get()) == f"token 1 of {master.pk}"


def test_a_new_token_of_another_is_taken_and_a_stale_one_replaced(master: MasterAccount) -> None:
    store, zoom = DatabaseTokenStore(master), Counter(0)
    first = store.renew(None, zoom)
    assert store.renew(None, zoom) == first
    assert store.renew(token("older"), zoom) == first
    assert store.renew(first, zoom).value == "token-2"
    assert zoom.calls == 2


def test_a_refusal_lets_the_next_one_try_at_once(master: MasterAccount) -> None:
    store = DatabaseTokenStore(master)

    def refuse() -> Token:
        raise CredentialsRefused("no")

    with pytest.raises(CredentialsRefused):
        store.renew(None, refuse)
    assert store.renew(None, lambda: token("one")).value == "one"


@pytest.mark.parametrize("until", [-0.1, 3600], ids=["long ago", "before the clock was set back"])
def test_who_died_while_asking_does_not_keep_the_others_waiting(master: MasterAccount, until: float) -> None:
    ZoomToken.objects.create(master=master, renewing_until=clock.after(until))
    assert DatabaseTokenStore(master).renew(None, lambda: token("one")).value == "one"


def test_who_answers_after_the_lease_does_not_overwrite_the_newer_token(master: MasterAccount) -> None:
    store = DatabaseTokenStore(master)

    def slow() -> Token:
        ZoomToken.objects.update(renewing_until=clock.after(-1))
        assert store.renew(None, lambda: token("newer")).value == "newer"
        return token("late")

    assert store.renew(None, slow).value == "late"
    assert store.current() == token("newer")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_want_a_token_at_once_one_asks(master: MasterAccount) -> None:
    zoom = Counter()
    results = together(*[lambda: DatabaseTokenStore(master).renew(None, zoom)] * 6)
    assert zoom.calls == 1
    assert results == [token("token-1")] * 6


@pytest.mark.django_db(transaction=True)
def test_of_many_whose_token_was_refused_at_once_one_asks(master: MasterAccount) -> None:
    zoom = Counter()
    stale = DatabaseTokenStore(master).renew(None, zoom)
    results = together(*[lambda: DatabaseTokenStore(master).renew(stale, zoom)] * 6)
    assert zoom.calls == 2
    assert results == [token("token-2")] * 6


@pytest.mark.django_db(transaction=True)
def test_forgetting_the_token_does_not_harm_who_waits_for_it(master: MasterAccount) -> None:
    asked, waits, forgets = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Token:
        asked.set()
        forgets.wait(5)
        time.sleep(0.2)
        return token("of the old credentials")

    def wait() -> Token:
        asked.wait(5)
        waits.set()
        return DatabaseTokenStore(master).renew(None, lambda: token("new"))

    def forget() -> Token:
        waits.wait(5)
        time.sleep(0.1)
        forgets.set()
        connections.forget_token(master)
        return token("none")

    first, second, _ = together(lambda: DatabaseTokenStore(master).renew(None, slow), wait, forget)
    assert (first, second) == (token("of the old credentials"), token("new"))
    assert DatabaseTokenStore(master).current() == token("new")


def test_a_token_that_is_set_aside_is_given_to_nobody_unless_there_is_a_newer_one(
    master: MasterAccount,
) -> None:
    store = DatabaseTokenStore(master)
    store.set_aside("of nobody")
    store.renew(None, lambda: token("one"))
    store.set_aside("another")
    assert store.current() == token("one")
    store.set_aside("one")
    assert store.current() is None
    assert store.renew(None, lambda: token("two")).value == "two"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rule", ["many", "one"])
def test_clients_at_once_share_one_token_under_either_rule_of_zoom(
    rule: str, master: MasterAccount, settings: Settings
) -> None:
    with Sandbox(switches={"token_rule": rule}, rate_limits=False) as sandbox:
        settings.ZOOM_API_URL, settings.ZOOM_OAUTH_URL = sandbox.api_url, sandbox.oauth_url

        def read() -> int:
            with connections.client_for(master) as client:
                return len(client.list_trunks())

        assert together(*[read] * 4) == [2] * 4
        assert len(sandbox.calls_of("POST", "/oauth/token$")) == 1
        sandbox.revoke_tokens()
        assert together(*[read] * 4) == [2] * 4
        assert len(sandbox.calls_of("POST", "/oauth/token$")) == 2


def test_credentials_that_are_tried_out_leave_nothing_behind(
    master: MasterAccount, settings: Settings
) -> None:
    with Sandbox(rate_limits=False) as sandbox:
        settings.ZOOM_API_URL, settings.ZOOM_OAUTH_URL = sandbox.api_url, sandbox.oauth_url
        with connections.client_of(CONTOSO.account_id, CONTOSO.client_id, CONTOSO.client_secret) as client:
            assert len(client.list_trunks()) == 2
    assert not ZoomToken.objects.exists()


def test_the_token_is_not_in_the_table_in_clear(master: MasterAccount) -> None:
    DatabaseTokenStore(master).renew(None, lambda: token("eyJ-a-token"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM trunks_zoomtoken")
        assert "eyJ-a-token" not in cursor.fetchone()[0]


def test_a_limit_on_tokens_keeps_all_from_asking_until_it_ends(master: MasterAccount) -> None:
    asked = []

    def limited() -> Token:
        asked.append(time.time())
        raise RateLimited("too many", retry_at=datetime.now(UTC) + timedelta(seconds=30))

    with pytest.raises(RateLimited, match="too many"):
        DatabaseTokenStore(master).renew(None, limited)
    for _ in range(3):
        with pytest.raises(HeldBack) as held:
            DatabaseTokenStore(master).renew(None, limited)
        assert held.value.retry_at is not None
        assert 20 < (held.value.retry_at - datetime.now(UTC)).total_seconds() < 31
    assert len(asked) == 1
    RateBudget.objects.update(not_before=0, next_at=0)
    assert DatabaseTokenStore(master).renew(None, lambda: token("one")).value == "one"
