from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

SQLITE_LOWER = "audit_lower"


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
    """Give SQLite small letters beyond a to z, which its own lower() leaves as they are."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(SQLITE_LOWER, 1, str.lower, deterministic=True)
