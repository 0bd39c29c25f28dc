from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps as Apps


def mark(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Mark the stops that were lifted by who made them, while that was allowed: history is not rewritten."""
    stops = apps.get_model("trunks", "WriteStop").objects
    stops.filter(started_by=models.F("stopped_by")).update(by_earlier_rule=True)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("trunks", "0013_role_by_group"),
    ]

    operations = [
        migrations.AddField(
            model_name="writestop",
            name="by_earlier_rule",
            field=models.BooleanField(
                default=False, verbose_name="ended when who stopped could still confirm the start"
            ),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="writestop",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("by_earlier_rule", True),
                    ("started_by", None),
                    models.Q(("started_by", models.F("stopped_by")), _negated=True),
                    _connector="OR",
                ),
                name="nobody_lifts_their_own_stop",
            ),
        ),
    ]
