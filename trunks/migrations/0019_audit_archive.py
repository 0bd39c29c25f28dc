"""What has left the audit trail, which nobody changes once it is kept."""

from typing import Any

from django.db import migrations, models

# `audit_refuse` comes with the events' own triggers. ALWAYS: also for a superuser who plays a replica.
POSTGRES = """
CREATE TRIGGER audit_archive_keep BEFORE UPDATE OR DELETE ON trunks_auditarchive
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_archive_keep_all BEFORE TRUNCATE ON trunks_auditarchive
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE trunks_auditarchive ENABLE ALWAYS TRIGGER audit_archive_keep;
ALTER TABLE trunks_auditarchive ENABLE ALWAYS TRIGGER audit_archive_keep_all;
"""
# INSERT OR REPLACE takes a row away without any DELETE being seen.
SQLITE = {
    "audit_archive_keep": "BEFORE UPDATE ON trunks_auditarchive",
    "audit_archive_keep_row": "BEFORE DELETE ON trunks_auditarchive",
    "audit_archive_add": """BEFORE INSERT ON trunks_auditarchive WHEN EXISTS (
        SELECT 1 FROM trunks_auditarchive
        WHERE id = NEW.id OR rowid = NEW.rowid OR month = NEW.month OR last = NEW.last)""",
}
REFUSE = "SELECT RAISE(ABORT, 'The archives of the audit trail are append-only: this write is refused.')"


def guard(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES)
        return
    for name, when in SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN {REFUSE}; END")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0018_browsers"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditArchive",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(unique=True)),
                ("last", models.BigIntegerField(unique=True)),
                ("head", models.CharField(max_length=64)),
                ("statement", models.TextField()),
                ("signature", models.CharField(max_length=100)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-month"],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
