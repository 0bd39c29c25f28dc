from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from trunks import numbers

SQLITE_LOWER = "audit_lower"
SQLITE_CALLER_ID_KEY = "caller_id_key"


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
    """Give SQLite what it lacks: small letters beyond a to z, and the one reading of caller IDs."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(SQLITE_LOWER, 1, str.lower, deterministic=True)
        connection.connection.create_function(SQLITE_CALLER_ID_KEY, 1, _caller_id_key, deterministic=True)


def _caller_id_key(caller_id: str | None) -> str | None:
    return None if caller_id is None else numbers.caller_id_key(caller_id)
