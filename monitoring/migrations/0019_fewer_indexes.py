"""Fewer indexes to write with each score: those of rules, reviewers and conversations have only scores with one."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


def _set_only(name: str, *fields: str) -> AddIndexConcurrently:
    condition = models.Q((f"{fields[0]}__isnull", False))
    return AddIndexConcurrently("score", models.Index(fields=[*fields], condition=condition, name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("chat", "0021_fewer_indexes"),
        ("monitoring", "0018_rare_scores"),
    ]

    operations = [
        _set_only("monitoring_score_by_rule", "rule", "updated_at"),
        _set_only("monitoring_score_by_reviewer", "reviewer"),
        _set_only("monitoring_score_of_whole", "conversation"),
        RemoveIndexConcurrently("score", "monitoring_score_rule"),
        migrations.AlterField(
            model_name="score",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="monitoring.judgerule",
            ),
        ),
        migrations.AlterField(
            model_name="score",
            name="reviewer",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="score",
            name="conversation",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Set where the whole conversation was judged.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="scores",
                to="chat.conversation",
            ),
        ),
    ]
