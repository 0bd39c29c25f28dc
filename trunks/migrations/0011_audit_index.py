"""The index of the audit trail, in place of most indexes of its events; views of it that people keep."""

import sys
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import DatabaseError, migrations, models, transaction

REMARK = (
    "The audit trail's text search has no index here: {why} It goes through the newest events only. "
    "docs/operations.md says how to put that right."
)
TEXTS = {
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE INDEX trunks_auditentry_text ON trunks_auditentry USING gin (text gin_trgm_ops)",
    ),
    "sqlite": ("CREATE VIRTUAL TABLE trunks_audittext USING fts5(text, tokenize = 'trigram')",),
}


def drop_the_indexes_of_keys(apps: Any, editor: Any) -> None:
    """Drop the indexes that Django made for two foreign keys, whatever their names end in."""
    model = apps.get_model("trunks", "AuditEvent")
    with editor.connection.cursor() as cursor:
        found = editor.connection.introspection.get_constraints(cursor, model._meta.db_table)
    for name, constraint in found.items():
        if constraint["index"] and constraint["columns"] in (["actor_id"], ["master_id"]):
            editor.execute(f"DROP INDEX {editor.quote_name(name)}")


def index_the_texts(_apps: Any, editor: Any) -> None:
    """Make the index of the texts; a database that does not allow it works without."""
    try:
        with transaction.atomic(), editor.connection.cursor() as cursor:
            for statement in TEXTS[editor.connection.vendor]:
                cursor.execute(statement)
    except DatabaseError as error:
        sys.stderr.write(REMARK.format(why=str(error).strip().partition("\n")[0]) + "\n")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0010_not_before"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("event_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("sub_account", models.BigIntegerField(null=True)),
                ("ip", models.CharField(max_length=45, null=True)),
                ("text", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="AuditFacet",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("actor", models.BigIntegerField(default=0)),
                ("action", models.CharField(max_length=60)),
                ("outcome", models.CharField(max_length=10)),
                ("master", models.BigIntegerField(default=0)),
                ("object_type", models.CharField(max_length=40)),
                ("events", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="AuditIndexed",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="AuditNumber",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dnis", "event_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("dnis", models.CharField(max_length=64, verbose_name="DNIS")),
                ("event_id", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("query", models.TextField(max_length=2000)),
                ("shared", models.BooleanField(default=False)),
            ],
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_actor",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_action",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_actor_action",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_master",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_time",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_sub_account",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="event_by_outcome",
        ),
        migrations.AddConstraint(
            model_name="auditfacet",
            constraint=models.UniqueConstraint(
                fields=("actor", "action", "outcome", "master", "object_type"),
                name="one_facet_per_combination",
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="facet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="trunks.auditfacet",
            ),
        ),
        migrations.AddConstraint(
            model_name="auditindexed",
            constraint=models.CheckConstraint(
                condition=models.Q(("id", 1)), name="one_position_of_the_index"
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["facet", "event_id"], name="entry_by_facet"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["at", "event_id"], name="entry_by_time"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("sub_account__isnull", False)),
                fields=["sub_account", "event_id", "facet"],
                name="entry_by_sub_account",
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("ip__isnull", False)),
                fields=["ip", "event_id", "facet"],
                name="entry_by_ip",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(fields=("owner", "name"), name="one_saved_view_per_name"),
        ),
        # The table is not touched for it: SQLite would make it anew, and lose the triggers that guard it.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="auditevent",
                    name="actor",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="auditevent",
                    name="master",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="trunks.masteraccount",
                    ),
                ),
            ],
            database_operations=[migrations.RunPython(drop_the_indexes_of_keys, migrations.RunPython.noop)],
        ),
        migrations.RunPython(index_the_texts, migrations.RunPython.noop),
    ]
