from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from psycopg import postgres
from psycopg.pq import Format

from trunks import numbers

SQLITE_LOWER = "audit_lower"
SQLITE_CALLER_ID_KEY = "caller_id_key"
_MOMENT = postgres.types["timestamptz"].oid


class TrunksConfig(AppConfig):
    name = "trunks"
    verbose_name = "SIP trunks"

    def import_models(self) -> None:
        super().import_models()
        # Not re-exported by trunks.models: nobody but trunks.audit and the modules beside it may reach for it.
        from trunks.models import audit_event  # noqa: F401, PLC0415

    def ready(self) -> None:
        connection_created.connect(_teach)


def _teach(connection: Any, **_: Any) -> None:
    """Give SQLite what it lacks: small letters beyond a to z, and the one reading of caller IDs.

    Have PostgreSQL's moments read by Python's own parser, which takes a tenth of what psycopg's pattern takes: a page
    has fifty.
    """
    if connection.vendor == "sqlite":
        connection.connection.create_function(SQLITE_LOWER, 1, str.lower, deterministic=True)
        connection.connection.create_function(SQLITE_CALLER_ID_KEY, 1, _caller_id_key, deterministic=True)
        return
    known = connection.connection.adapters
    known.register_loader(_MOMENT, _quicker(known.get_loader(_MOMENT, Format.TEXT)))


@cache
def _quicker(loader: Any) -> Any:
    """Return a loader of moments that leaves to Django's what is not plainly one in UTC, as the connection has them."""

    class Moments(loader):  # type: ignore[misc]  # Django makes it for its time zone
        def load(self, data: Any) -> datetime:
            text = str(data, "ascii")
            if text.endswith("+00") and self.timezone is UTC:
                try:
                    return datetime.fromisoformat(text)
                except ValueError:  # beyond the years that Python has
                    pass
            return super().load(data)  # type: ignore[no-any-return]

    return Moments


def _caller_id_key(caller_id: str | None) -> str | None:
    return None if caller_id is None else numbers.caller_id_key(caller_id)
