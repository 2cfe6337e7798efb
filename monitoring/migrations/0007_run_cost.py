from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0006_generation"),
    ]

    operations = [
        migrations.AddField(
            model_name="evaluationrun",
            name="cost_usd",
            field=models.DecimalField(
                decimal_places=8, default=0, help_text="Of all its calls so far whose cost is known.", max_digits=14
            ),
        ),
        migrations.AddField(
            model_name="evaluationrun",
            name="unpriced_calls",
            field=models.PositiveIntegerField(default=0, help_text="Calls whose cost is not known."),
        ),
    ]
