"""Indexes by which the admin's lists of turns stay quick with millions of them, and its search for words."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def _words(field: str) -> django.contrib.postgres.search.SearchVector:
    return django.contrib.postgres.search.SearchVector(models.F(field), config="simple")


def _by_time(name: str, *fields: str, condition: models.Q | None = None) -> AddIndexConcurrently:
    index = models.Index(fields=[*fields, "-created_at"], name=name, condition=condition)
    return AddIndexConcurrently(model_name="turn", index=index)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0016_calls_have_origin"),
    ]

    operations = [
        _by_time("chat_turn_by_origin", "origin"),
        _by_time("chat_turn_by_config", "config"),
        _by_time("chat_turn_by_collection", "collection"),
        _by_time("chat_turn_by_model", "model"),
        _by_time("chat_turn_failed", condition=models.Q(("status__in", ["FAILED", "INTERRUPTED"]))),
        _by_time("chat_turn_refused", condition=models.Q(("nothing_found", True))),
        _by_time("chat_turn_no_hit", condition=models.Q(("hit_count", 0))),
        AddIndexConcurrently(
            model_name="turn",
            index=django.contrib.postgres.indexes.GinIndex(_words("question"), name="chat_turn_question_words"),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=django.contrib.postgres.indexes.GinIndex(_words("title"), name="chat_conversation_title_words"),
        ),
        # Their own indexes are the beginning of those by time.
        migrations.AlterField(
            model_name="turn",
            name="collection",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="chat.collection",
            ),
        ),
        migrations.AlterField(
            model_name="turn",
            name="config",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="turns",
                to="chat.pipelineconfig",
            ),
        ),
    ]
