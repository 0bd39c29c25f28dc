"""The monthly review, and the triggers that keep it as it is once it is signed off."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Named like the guards of the trail, with which they are put up and taken down. ALWAYS: also for a superuser who plays a
# replica. TRUNCATE is refused whether anything is signed or not: nobody has a use for it.
POSTGRES = """
CREATE FUNCTION audit_review_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'The review of the month is signed off: % of % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $body$;
CREATE FUNCTION audit_review_item() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF EXISTS (SELECT FROM trunks_monthreview WHERE signed_at IS NOT NULL AND (
        (TG_OP <> 'INSERT' AND id = OLD.review_id) OR (TG_OP <> 'DELETE' AND id = NEW.review_id)
    )) THEN
        RAISE EXCEPTION 'The review of the month is signed off: % of % is refused.', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $body$;
CREATE TRIGGER audit_review_keep BEFORE UPDATE OR DELETE ON trunks_monthreview
    FOR EACH ROW WHEN (OLD.signed_at IS NOT NULL) EXECUTE FUNCTION audit_review_refuse();
CREATE TRIGGER audit_review_keep_all BEFORE TRUNCATE ON trunks_monthreview
    FOR EACH STATEMENT EXECUTE FUNCTION audit_review_refuse();
CREATE TRIGGER audit_review_item_keep BEFORE INSERT OR UPDATE OR DELETE ON trunks_sampleditem
    FOR EACH ROW EXECUTE FUNCTION audit_review_item();
CREATE TRIGGER audit_review_item_keep_all BEFORE TRUNCATE ON trunks_sampleditem
    FOR EACH STATEMENT EXECUTE FUNCTION audit_review_refuse();
ALTER TABLE trunks_monthreview ENABLE ALWAYS TRIGGER audit_review_keep;
ALTER TABLE trunks_monthreview ENABLE ALWAYS TRIGGER audit_review_keep_all;
ALTER TABLE trunks_sampleditem ENABLE ALWAYS TRIGGER audit_review_item_keep;
ALTER TABLE trunks_sampleditem ENABLE ALWAYS TRIGGER audit_review_item_keep_all;
"""
SIGNED = "EXISTS (SELECT 1 FROM trunks_monthreview WHERE signed_at IS NOT NULL AND id = {row}.review_id)"
# ruff: noqa: S608  # what is put into the statements are the names above
# INSERT OR REPLACE takes a row away without any DELETE being seen.
SQLITE = {
    "audit_review_keep": "BEFORE UPDATE ON trunks_monthreview WHEN OLD.signed_at IS NOT NULL",
    "audit_review_keep_row": "BEFORE DELETE ON trunks_monthreview WHEN OLD.signed_at IS NOT NULL",
    "audit_review_add": """BEFORE INSERT ON trunks_monthreview WHEN EXISTS (
        SELECT 1 FROM trunks_monthreview WHERE signed_at IS NOT NULL AND (id = NEW.id OR month = NEW.month))""",
    "audit_review_item_keep": f"BEFORE UPDATE ON trunks_sampleditem WHEN {SIGNED.format(row='OLD')}"
    f" OR {SIGNED.format(row='NEW')}",
    "audit_review_item_keep_row": f"BEFORE DELETE ON trunks_sampleditem WHEN {SIGNED.format(row='OLD')}",
    "audit_review_item_add": f"BEFORE INSERT ON trunks_sampleditem WHEN {SIGNED.format(row='NEW')} OR EXISTS ("
    "SELECT 1 FROM trunks_sampleditem AS old JOIN trunks_monthreview ON trunks_monthreview.id = old.review_id"
    " WHERE old.id = NEW.id AND signed_at IS NOT NULL)",
}
REFUSE = "SELECT RAISE(ABORT, 'The review of the month is signed off: this write is refused.')"


def guard(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES, None)
        return
    for name, when in SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN {REFUSE}; END")


def unguard(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION audit_review_refuse, audit_review_item CASCADE")
        return
    for name in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0015_audit_stream"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonthReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.CharField(max_length=7, unique=True)),
                ("last", models.BigIntegerField(verbose_name="number of the month's last event")),
                ("head", models.CharField(max_length=64, verbose_name="hash of the month's last event")),
                ("seed", models.CharField(max_length=64)),
                ("population", models.JSONField(default=list)),
                ("drawn_at", models.DateTimeField()),
                ("signed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "drawn_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "signed_by",
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
                "ordering": ["-month"],
            },
        ),
        migrations.CreateModel(
            name="SampledItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                ("key", models.CharField(max_length=30)),
                ("weight", models.PositiveSmallIntegerField()),
                ("grounds", models.JSONField(default=list)),
                ("people", models.JSONField(default=list)),
                ("event", models.BigIntegerField(verbose_name="number of the event that it stands for")),
                (
                    "mark",
                    models.CharField(
                        blank=True,
                        choices=[("", "Not looked at"), ("in_order", "In order"), ("question", "Question")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("comment", models.TextField(blank=True)),
                ("marked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "marked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="trunks.monthreview",
                    ),
                ),
                (
                    "trunk_request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sampled",
                        to="trunks.trunkrequest",
                    ),
                ),
            ],
            options={
                "ordering": ["place"],
            },
        ),
        migrations.AddConstraint(
            model_name="monthreview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("signed_at", None), ("signed_by", None)),
                    models.Q(("signed_at__isnull", False), ("signed_by__isnull", False)),
                    _connector="OR",
                ),
                name="review_is_signed_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="sampleditem",
            constraint=models.UniqueConstraint(fields=("review", "key"), name="one_item_per_key"),
        ),
        migrations.AddConstraint(
            model_name="sampleditem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("mark", "question"), _negated=True),
                    models.Q(("comment", ""), _negated=True),
                    _connector="OR",
                ),
                name="a_question_is_put_in_words",
            ),
        ),
        migrations.RunPython(guard, unguard),
    ]
