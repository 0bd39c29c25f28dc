"""A commit is on the disk when it ends: what somebody has seen, or a call that has left, outlives a power cut."""

import pytest
from django.db import connection

from tests import cast
from trunks.models import RateBudget

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]
OF_THE_SERVER = ("default", "configuration file", "command line")
FULL = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous


def ask(sql: str) -> str | int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (said,) = cursor.fetchone()
    assert isinstance(said, str | int)
    return said


def test_nothing_is_committed_before_it_is_on_the_disk(estate: cast.Estate) -> None:
    # A turn alone may be forgotten, and must make no rule of it.
    RateBudget.take(estate.master, "light", longest=1.0)
    if connection.vendor == "postgresql":
        # Whether it waits for the disk is for who runs the server to say.
        assert ask("SELECT source FROM pg_settings WHERE name = 'synchronous_commit'") in OF_THE_SERVER
    else:
        assert ask("PRAGMA journal_mode") == "wal"
        assert ask("PRAGMA synchronous") == FULL
