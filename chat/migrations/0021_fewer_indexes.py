"""Fewer indexes to write with each turn: none that is the beginning of another, and none of rows that refer to nothing."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def _set_only(model: str, field: str, name: str) -> AddIndexConcurrently:
    condition = models.Q((f"{field}__isnull", False))
    return AddIndexConcurrently(model, models.Index(fields=[field], condition=condition, name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0020_rare_turns"),
    ]

    operations = [
        _set_only("turn", "replaces", "chat_turn_replaces"),
        _set_only("conversation", "config", "chat_conversation_config"),
        migrations.AlterField(
            model_name="turn",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replaced_by",
                to="chat.turn",
            ),
        ),
        migrations.AlterField(
            model_name="conversation",
            name="config",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Empty: the default config, or what an experiment assigns.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="chat.pipelineconfig",
            ),
        ),
        migrations.AlterField(
            model_name="hit",
            name="turn",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="hits",
                to="chat.turn",
            ),
        ),
        migrations.AlterField(
            model_name="feedback",
            name="turn",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="feedback",
                to="chat.turn",
            ),
        ),
    ]
