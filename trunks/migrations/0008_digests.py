"""The daily digests of the audit trail, which nobody changes once they are made, and the checks of it."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# `audit_refuse` comes with the events' own triggers. ALWAYS: also for a superuser who plays a replica.
POSTGRES = """
CREATE TRIGGER audit_digest_keep BEFORE UPDATE OR DELETE ON trunks_auditdigest
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_digest_keep_all BEFORE TRUNCATE ON trunks_auditdigest
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE trunks_auditdigest ENABLE ALWAYS TRIGGER audit_digest_keep;
ALTER TABLE trunks_auditdigest ENABLE ALWAYS TRIGGER audit_digest_keep_all;
"""
# INSERT OR REPLACE takes a row away without any DELETE being seen.
SQLITE = {
    "audit_digest_keep": "BEFORE UPDATE ON trunks_auditdigest",
    "audit_digest_keep_row": "BEFORE DELETE ON trunks_auditdigest",
    "audit_digest_add": """BEFORE INSERT ON trunks_auditdigest WHEN EXISTS (
        SELECT 1 FROM trunks_auditdigest
        WHERE id = NEW.id OR rowid = NEW.rowid OR day = NEW.day OR previous = NEW.previous)""",
}
REFUSE = "SELECT RAISE(ABORT, 'The digests of the audit trail are append-only: this write is refused.')"


def guard(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES)
        return
    for name, when in SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN {REFUSE}; END")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0007_notices"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditDigest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(unique=True)),
                ("first", models.BigIntegerField()),
                ("last", models.BigIntegerField()),
                ("head", models.CharField(max_length=64)),
                ("previous", models.CharField(max_length=64, unique=True)),
                (
                    "key",
                    models.CharField(blank=True, max_length=16, verbose_name="id of the key that signed"),
                ),
                ("statement", models.TextField()),
                ("signature", models.CharField(blank=True, max_length=100)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-day"],
            },
        ),
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("full", models.BooleanField()),
                ("why", models.CharField(blank=True, max_length=60)),
                ("asked_at", models.DateTimeField()),
                ("under_way", models.BooleanField(default=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("start", models.BigIntegerField(default=0, verbose_name="position it began after")),
                ("position", models.BigIntegerField(default=0)),
                ("hash", models.CharField(blank=True, max_length=64)),
                (
                    "total",
                    models.BigIntegerField(
                        default=0, verbose_name="position of the last event when it began"
                    ),
                ),
                ("digests", models.IntegerField(default=0, verbose_name="digests that were checked")),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("passed", "Nothing was altered"),
                            ("failed", "Does not fit"),
                            ("broken", "Could not be carried out"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "bad",
                    models.BigIntegerField(
                        blank=True, null=True, verbose_name="first event that does not fit"
                    ),
                ),
                ("problem", models.TextField(blank=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("under_way", True)),
                        fields=("under_way",),
                        name="one_check_of_the_trail_at_a_time",
                    )
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
