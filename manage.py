#!/usr/bin/env python
"""Django's command line for the portal."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError, OperationalError

DENIED = "42501"  # as PostgreSQL says that a role may not do something
UNDEFINED = ("42P01", "42703")  # PostgreSQL's words for a table and a column that are not there


def is_behind(error: DatabaseError | InterfaceError) -> bool:
    """Say whether the database lacks a table or a column of this version."""
    told = getattr(error.__cause__, "sqlstate", None) in UNDEFINED
    return told or "no such table" in str(error) or "no such column" in str(error)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        execute_from_command_line(sys.argv)
    except (DatabaseError, InterfaceError) as error:
        what = str(error).partition("\n")[0]
        if is_behind(error):
            sys.exit(
                f"The database is not set up for this version; run `python manage.py migrate` first. ({what})"
            )
        if getattr(error.__cause__, "sqlstate", None) == DENIED:
            sys.exit(f"The role of DATABASE_URL may not do this; use the one that owns the tables. ({what})")
        if not isinstance(error, OperationalError | InterfaceError):
            raise
        sys.exit(f"The database did not let this come to its end; it can be run again. ({what})")
