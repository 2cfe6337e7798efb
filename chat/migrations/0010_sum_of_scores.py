"""Scores of words and similarity are summed as they are; standard scores, which found less, go."""

from django.db import migrations, models

import chat.models.pipeline


class Migration(migrations.Migration):
    dependencies = [("chat", "0009_local_reranker")]

    operations = [
        migrations.RemoveConstraint(model_name="pipelineconfig", name="chat_config_fusion"),
        migrations.AlterField(
            model_name="pipelineconfig",
            name="fusion",
            field=models.CharField(
                choices=[
                    ("rrf", "ranks (reciprocal rank fusion)"),
                    ("convex", "scores (words as a share of the best, and similarity)"),
                    ("sum", "scores (words and similarity as they are)"),
                ],
                default=chat.models.pipeline.default_fusion,
                help_text="How hybrid search makes one ranking of what words and meaning find.",
                max_length=10,
            ),
        ),
        migrations.RunSQL(
            "UPDATE chat_pipelineconfig SET fusion = 'sum' WHERE fusion = 'standard'", migrations.RunSQL.noop
        ),
        migrations.AddConstraint(
            model_name="pipelineconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(("fusion__in", ["rrf", "convex", "sum"])), name="chat_config_fusion"
            ),
        ),
    ]
