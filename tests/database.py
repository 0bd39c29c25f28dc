"""The test database's address, for child processes that must work on the same rows."""

from django.db import connection


def environment() -> dict[str, str]:
    """Return the DATABASE_URL of the test database as an environment for `tests.processes`.

    Only rows that are committed can be seen there: use `transactional_db`.
    """
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return {"DATABASE_URL": f"sqlite:///{settings['NAME']}"}
    host = settings["OPTIONS"]["host"] if "host" in settings["OPTIONS"] else settings["HOST"]
    return {"DATABASE_URL": f"postgres://{settings['USER']}@/{settings['NAME']}?host={host}"}
