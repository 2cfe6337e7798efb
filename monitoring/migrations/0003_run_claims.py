from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0002_groups"),
        ("monitoring", "0002_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="evaluationrun",
            name="monitoring_run_split",
        ),
        migrations.AddField(
            model_name="evaluationrun",
            name="claim",
            field=models.UUIDField(
                editable=False, help_text="Of the process that works on it. Empty: nobody.", null=True
            ),
        ),
        migrations.AddField(
            model_name="evaluationrun",
            name="round_trip",
            field=models.BooleanField(
                default=False, help_text="Make a question of each answer, answer that too, and compare the two answers."
            ),
        ),
        migrations.AddField(
            model_name="evaluationrun",
            name="starts",
            field=models.PositiveSmallIntegerField(default=0, help_text="How often a process took it up."),
        ),
        migrations.AlterField(
            model_name="evaluationrun",
            name="split",
            field=models.CharField(
                choices=[("DEV", "dev"), ("TEST", "test"), ("CALIBRATION", "calibration"), ("ALL", "all")],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluationrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("split__in", ["DEV", "TEST", "CALIBRATION", "ALL"])), name="monitoring_run_split"
            ),
        ),
    ]
