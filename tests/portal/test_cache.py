"""What is read out of Redis is data, whoever wrote it there; and without a Redis people come in, but no guesser."""

import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from pytest_django import Settings

from portal import cache as shared
from tests import cast
from tests.conftest import SignedIn
from tests.processes import run, start
from trunks import audit
from trunks.models import User


class Planted:
    """What runs something when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.file,)


def test_what_somebody_else_put_into_redis_runs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "it ran"
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.set(cache.make_key("planted"), pickle.dumps(Planted(file)))
    with pytest.raises(ValueError, match=r"decode|Expecting"):
        cache.get("planted")
    assert not file.exists()


@pytest.mark.parametrize("value", [0, 7, True, 1.5, "7", "", None, [1.5, 2.25], {"rows": [{"a": None}]}])
def test_data_comes_back_as_it_was(value: object) -> None:
    cache.set("data", value)
    found = cache.get("data", "nothing")
    assert (type(found), found) == (type(value), value)


def test_numbers_are_counted_by_redis() -> None:
    cache.add("counter", 0)
    assert (cache.incr("counter"), cache.get("counter")) == (1, 1)


@pytest.fixture
def redis_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the cache ask a Redis that nobody runs."""
    monkeypatch.setattr(shared, "_away_until", 0.0)
    here = {"BACKEND": "portal.cache.SharedCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": here | {"OPTIONS": {"socket_timeout": 3}}}
    yield
    LocMemCache("while Redis is away", {}).clear()


@pytest.fixture
def redis_full(
    redis_away: None, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Have the cache ask a Redis that is there, and has no room for anything."""
    folder = tmp_path_factory.mktemp("r")
    place = ["--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder), "--save", ""]
    program = shutil.which("redis-server") or "redis-server"
    with start([program, *place, "--maxmemory", "1"], log=folder / "log") as process:
        process.wait_for_line("ready to accept connections")
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": f"unix://{folder / 's'}"}}
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_full")
def test_nor_does_a_redis_without_room_keep_anybody_out(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        client.post("/accounts/login/", {"login": staff.email, "password": "wrong"})
    assert (
        client.post("/accounts/login/", {"login": staff.email, "password": cast.PASSWORD}).status_code == 200
    )
    LocMemCache("while Redis is away", {}).clear()
    monkeypatch.setattr(shared, "_away_until", 0.0)
    assert (
        client.post("/accounts/login/", {"login": staff.email, "password": cast.PASSWORD}).status_code == 302
    )


@pytest.mark.usefixtures("redis_full")
def test_what_a_full_redis_still_holds_does_not_take_turns_with_what_was_counted_since() -> None:
    cache.set("counter", 1)
    assert shared._away_until - monotonic() > shared.AWAY_SECONDS


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.usefixtures("redis_away")
def test_without_redis_people_sign_in_and_guessing_is_still_held_back(client: Client, staff: User) -> None:
    def sign_in(password: str) -> int:
        return client.post("/accounts/login/", {"login": staff.email, "password": password}).status_code

    assert [sign_in("wrong") for _ in range(6)] == [200] * 6
    assert sign_in(cast.PASSWORD) == 200
    told = [event.action for event in audit.history(staff)]
    assert told == ["session.failed"] * 5 + ["session.held_back"]
    LocMemCache("while Redis is away", {}).clear()
    assert sign_in(cast.PASSWORD) == 302


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_away")
def test_without_redis_who_is_turned_away_is_on_record_all_the_same(signed_in: SignedIn, staff: User) -> None:
    client = signed_in(staff)
    assert [client.post("/webhooks/", {}).status_code for _ in range(2)] == [403, 403]
    assert [event.action for event in audit.history(staff)] == ["access.refused"]


@pytest.mark.usefixtures("redis_away")
def test_a_redis_that_is_away_is_not_asked_each_time_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    asked = []

    def answer(self: object, key: str, *_: object) -> str:
        asked.append(key)
        raise redis.TimeoutError

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCacheClient.get", answer)
    cache.set("counter", 1)
    assert (cache.incr("counter"), cache.get("counter"), cache.delete("counter")) == (2, 2, True)
    assert asked == []  # the first question has found out that it is away
    monkeypatch.setattr(shared, "_away_until", 0.0)
    assert [cache.get("counter", "nothing") for _ in range(2)] == ["nothing"] * 2
    assert len(asked) == 1


def test_without_a_redis_a_flood_of_others_pushes_no_count_out(tmp_path: Path) -> None:
    """Each address that is tried is counted by itself: hundreds that nobody has must not make the one be forgotten."""
    flood = (
        "import django; django.setup(); from django.core.cache import cache; cache.set('tries', 5, 300);"
        " [cache.set(f'other-{number}', 1, 300) for number in range(5000)]; print(cache.get('tries'))"
    )
    given = {"REDIS_URL": "", "DATA_DIR": str(tmp_path)}
    assert run(["-c", flood], **given).stdout.strip() == "5"
