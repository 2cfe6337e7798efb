"""What a call was made for, where that is not what its turn was asked for, and how much of its output was thought."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0013_turn_hit_counts"),
    ]

    operations = [
        migrations.AddField(
            model_name="llmcall",
            name="origin",
            field=models.CharField(
                blank=True,
                choices=[("USER", "User"), ("API", "Api"), ("EVALUATION", "Evaluation"), ("SYNTHETIC", "Synthetic")],
                help_text="What the call was made for. Empty: what its turn was asked for.",
                max_length=10,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="llmcall",
            name="reasoning_tokens",
            field=models.PositiveIntegerField(
                help_text="Thoughts: part of the output tokens. Empty: not counted.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="llmcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("reasoning_tokens__isnull", True),
                    ("reasoning_tokens__lte", models.F("output_tokens")),
                    _connector="OR",
                ),
                name="chat_llmcall_reasoning",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("origin__isnull", True),
                    ("origin__in", ["USER", "API", "EVALUATION", "SYNTHETIC"]),
                    _connector="OR",
                ),
                name="chat_llmcall_origin",
            ),
        ),
    ]
