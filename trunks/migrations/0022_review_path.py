"""What keeps a signed review as it is looks into the review's own table, whatever the session puts before it."""

from typing import Any

from django.db import migrations

# Without a path of their own, the functions of 0016 look where the session looks, and it looks among its temporary
# tables first: whoever makes one of the name `trunks_monthreview` could alter what was signed off.
FUNCTIONS = ("audit_review_refuse()", "audit_review_item()")


def fix(_apps: Any, schema_editor: Any) -> None:
    _alter(schema_editor, "SET search_path = pg_catalog, {schema}, pg_temp")


def unfix(_apps: Any, schema_editor: Any) -> None:
    _alter(schema_editor, "RESET search_path")


def _alter(schema_editor: Any, how: str) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
        for function in FUNCTIONS:
            cursor.execute(f"ALTER FUNCTION {schema}.{function} {how.format(schema=schema)}")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0021_delegation"),
    ]

    operations = [migrations.RunPython(fix, unfix)]
