"""How far the audit trail has been streamed to where events are gathered."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0014_duties"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditStream",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(default=0)),
                ("fence", models.BigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "failures",
                    models.IntegerField(default=0, verbose_name="failures since something has last arrived"),
                ),
                ("next_at", models.DateTimeField(null=True, verbose_name="not to be tried before")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_stream_of_the_trail")
                ],
            },
        ),
    ]
