import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0010_sum_of_scores"),
        ("monitoring", "0012_default_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="JudgeRepeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("repetition", models.PositiveSmallIntegerField(help_text="1 for the first.")),
                ("value", models.FloatField(help_text="0 to 1. Empty: no verdict, `error` says why.", null=True)),
                ("label", models.CharField(blank=True, default="", max_length=40)),
                ("error", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "judge_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="repeats",
                        to="monitoring.judgeversion",
                    ),
                ),
                (
                    "turn",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="chat.turn"),
                ),
            ],
            options={
                "ordering": ["turn", "repetition"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("judge_version", "turn", "repetition"), name="monitoring_repeat_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("error", ""), ("value__isnull", False)),
                            models.Q(("error__gt", ""), ("value__isnull", True)),
                            _connector="OR",
                        ),
                        name="monitoring_repeat_error",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("value__isnull", True), models.Q(("value__gte", 0), ("value__lte", 1)), _connector="OR"
                        ),
                        name="monitoring_repeat_range",
                    ),
                    models.CheckConstraint(condition=models.Q(("repetition__gte", 1)), name="monitoring_repeat_number"),
                ],
            },
        ),
    ]
