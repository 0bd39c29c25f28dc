import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps as Apps


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Say on each decision who filed its request, and issue permits for what was approved before there were any.

    Those of requests that wait for a worker can be spent; those of the others are spent, and tell what was approved.
    """
    decisions = apps.get_model("trunks", "Decision").objects
    permits = apps.get_model("trunks", "Permit").objects
    requests = apps.get_model("trunks", "TrunkRequest").objects
    filer = requests.filter(pk=models.OuterRef("trunk_request")).values("filed_by")[:1]
    decisions.update(filed_by=models.Subquery(filer))
    for trunk_request in requests.exclude(approved_by=None).iterator():
        waits = trunk_request.state == "approved"
        permit = permits.create(
            trunk_request=trunk_request,
            issued_at=trunk_request.changed_at,
            ground="upgrade",
            needed=1,
            content_digest=trunk_request.approved_digest,
            policy_digest=trunk_request.policy_digest,
            spent_at=None if waits else trunk_request.changed_at,
            spent_on="" if waits else "before the upgrade",
        )
        permit.decisions.set(
            decisions.filter(
                trunk_request=trunk_request,
                verdict="approve",
                content_version=trunk_request.content_version,
            )
        )
    if schema_editor.connection.vendor == "postgresql":
        # The foreign keys just written are checked at the commit, and until then the tables cannot be altered.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0005_audit_months"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApprovalPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("approvals", models.PositiveSmallIntegerField(default=1)),
                (
                    "many_lines",
                    models.PositiveSmallIntegerField(default=5, verbose_name="more lines than this are many"),
                ),
                ("many_lines_approvals", models.PositiveSmallIntegerField(default=0)),
                ("new_caller_id_approvals", models.PositiveSmallIntegerField(default=0)),
                ("first_trunk_approvals", models.PositiveSmallIntegerField(default=0)),
                ("unassign_approvals", models.PositiveSmallIntegerField(default=0)),
                ("change_approvals", models.PositiveSmallIntegerField(default=0)),
                ("off_hours_approvals", models.PositiveSmallIntegerField(default=0)),
                ("opens", models.TimeField(default=datetime.time(8, 0), verbose_name="working hours begin")),
                ("closes", models.TimeField(default=datetime.time(18, 0), verbose_name="working hours end")),
                (
                    "days",
                    models.CharField(
                        default="12345", max_length=7, verbose_name="working days, as ISO weekdays"
                    ),
                ),
                (
                    "zone",
                    models.CharField(
                        default="UTC", max_length=64, verbose_name="time zone of the working hours"
                    ),
                ),
                ("text", models.TextField(verbose_name="the rules in plain words, as they were saved")),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["master", "-version"],
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content_version", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Permit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("issued_at", models.DateTimeField()),
                ("ground", models.CharField(max_length=20)),
                ("needed", models.PositiveSmallIntegerField(verbose_name="approvals that must stand")),
                ("content_digest", models.CharField(max_length=64)),
                ("policy_digest", models.CharField(max_length=64)),
                ("spent_at", models.DateTimeField(blank=True, null=True)),
                ("spent_on", models.CharField(blank=True, max_length=60)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddField(
            model_name="decision",
            name="filed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="policy_digest",
            field=models.CharField(
                default="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="taken_back_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="revision",
            name="reason",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="revision",
            name="ticket",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="trunkrequest",
            name="approvals_needed",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="trunkrequest",
            name="policy",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="trunkrequest",
            name="policy_digest",
            field=models.CharField(
                default="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", max_length=64
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_by", models.F("filed_by")), _negated=True),
                name="nobody_decides_on_what_they_filed",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("taken_back_at", None), ("verdict", "approve")),
                fields=("trunk_request", "decided_by", "content_version"),
                name="one_approval_per_supervisor",
            ),
        ),
        migrations.AddConstraint(
            model_name="trunkrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("approvals_needed__gte", 1), ("approvals_needed__lte", 3)),
                name="request_takes_1_to_3_approvals",
            ),
        ),
        migrations.AddField(
            model_name="approvalpolicy",
            name="made_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="approvalpolicy",
            name="master",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="approval_policies",
                to="trunks.masteraccount",
            ),
        ),
        migrations.AddField(
            model_name="look",
            name="trunk_request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="trunks.trunkrequest"
            ),
        ),
        migrations.AddField(
            model_name="look",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="permit",
            name="decisions",
            field=models.ManyToManyField(related_name="permits", to="trunks.decision"),
        ),
        migrations.AddField(
            model_name="permit",
            name="trunk_request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="permits", to="trunks.trunkrequest"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalpolicy",
            constraint=models.UniqueConstraint(fields=("master", "version"), name="one_policy_per_version"),
        ),
        migrations.AddConstraint(
            model_name="approvalpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("approvals__gte", 1), ("approvals__lte", 3)), name="approvals_are_1_to_3"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("change_approvals__lte", 3),
                    ("first_trunk_approvals__lte", 3),
                    ("many_lines_approvals__lte", 3),
                    ("new_caller_id_approvals__lte", 3),
                    ("off_hours_approvals__lte", 3),
                    ("unassign_approvals__lte", 3),
                ),
                name="conditions_ask_for_3_at_most",
            ),
        ),
        migrations.AddConstraint(
            model_name="look",
            constraint=models.UniqueConstraint(
                fields=("trunk_request", "user", "content_version"), name="one_look_per_version"
            ),
        ),
        migrations.AddConstraint(
            model_name="permit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("spent_at", None)),
                fields=("trunk_request",),
                name="one_unspent_permit_per_request",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="decision",
            name="filed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
