"""What a database of the days before approval policies becomes when it is upgraded."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.database import environment

pytestmark = pytest.mark.sqlite
NAME = f"upgrade_{os.getpid()}"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return the DATABASE_URL of an empty database of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path}/upgrade.sqlite3"
        return
    url = environment()["DATABASE_URL"]
    ours = str(connection.settings_dict["NAME"])
    known = connection.get_connection_params() | {"dbname": "postgres"}
    where = {name: known[name] for name in ("host", "user", "dbname") if name in known}
    with psycopg.connect(**where, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {NAME}")
        yield url.replace(f"/{ours}?", f"/{NAME}?")
        server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def test_a_database_with_requests_gets_its_permits_filers_and_marks(address: str) -> None:
    ran = subprocess.run(  # our own module
        [sys.executable, "-m", "tests.upgrade"],
        env=os.environ | {"DATABASE_URL": address},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "permits": {
            # Waits for a worker: can be spent, on the approval of its present content alone.
            "approved": [["", "approved", 1, 1]],
            "done": [["before the upgrade", "done", 1, 1]],
            "pending": [],
        },
        "needed": [1, 1, 1],
        "filers": ["filer"] * 3,
        # Lifted by who had stopped it, when that was allowed; and by another.
        "earlier_rule": [True, False],
    }
