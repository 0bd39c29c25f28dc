"""Django's settings for the database, made from its address."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_SQLITE = {
    # IMMEDIATE and WAL together are what lets web and worker write beside each other: without either of
    # them a third to a half of concurrent writes fail with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL: with NORMAL a commit of the WAL is on the disk some time later, and when the machine loses its power, the
    # intent of a call that has left may be lost with it, or an approval that somebody has seen.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
}
# Without a threshold the driver prepares nothing at all; what is prepared is chosen in trunks/asking.py.
_POSTGRESQL = {"prepare_threshold": 0}


def of(url: str, *, tests: Path) -> dict[str, Any]:
    """Return the settings of the database at `url`; where it is SQLite, `tests` is the file of a test database.

    Raises ImproperlyConfigured, without a word of the address, which holds a password.
    """
    try:
        with warnings.catch_warnings():
            # The parser warns of a scheme that it does not know by printing all that it found, the password too.
            warnings.simplefilter("ignore")
            config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    except Exception as error:  # the parser raises many kinds
        raise ImproperlyConfigured("DATABASE_URL cannot be understood.") from error
    if config.get("ENGINE") == "django.db.backends.sqlite3":
        # In memory, the tests' database would be invisible to the processes they start.
        return config | {"OPTIONS": _SQLITE, "TEST": {"NAME": str(tests)}}
    if config.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// or sqlite://.")
    options = config.get("OPTIONS", {}) | _POSTGRESQL
    return config | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
