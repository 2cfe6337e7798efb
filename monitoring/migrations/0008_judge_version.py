from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0007_run_cost"),
    ]

    operations = [
        migrations.AddField(
            model_name="itemscore",
            name="judge_version",
            field=models.CharField(blank=True, default="", help_text="Empty: a measure, no judge.", max_length=40),
        ),
    ]
