"""What is read out of Redis is data, whoever wrote it there."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.cache import cache


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
