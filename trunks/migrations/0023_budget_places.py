from django.db import migrations, models

import trunks.models.rate_budget


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0022_review_path"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="ratebudget",
            name="early",
        ),
        migrations.AddField(
            model_name="ratebudget",
            name="number",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ratebudget",
            name="places",
            field=models.JSONField(default=trunks.models.rate_budget.no_places),
        ),
    ]
