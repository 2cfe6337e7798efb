"""Calls without a turn say what they were made for. Until here only evaluations made such calls: questions that a model
wrote, searches of retrieval runs, attacks on judges."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "0014_reasoning_tokens")]

    operations = [
        migrations.RunSQL(
            "UPDATE chat_llmcall SET origin = 'EVALUATION' WHERE turn_id IS NULL AND origin IS NULL",
            migrations.RunSQL.noop,
        ),
    ]
