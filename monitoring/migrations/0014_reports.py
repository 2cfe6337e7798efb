"""Every figure, defined once: the schema `reports` with its facts, hourly roll-ups and functions. The SQL stands beside this
file; a change of a figure is a new migration that drops it and makes it anew."""

from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent / "sql" / "0014_reports"
TRIGGERS = {
    "chat_turn": ["inserted", "deleted", "updated", "truncated"],
    "chat_feedback": ["inserted", "deleted", "updated", "truncated"],
    "chat_implicitsignal": ["inserted", "deleted", "updated", "truncated"],
    "monitoring_score": ["inserted", "deleted", "updated", "truncated"],
    "chat_llmcall": ["inserted", "deleted", "updated", "truncated"],
}


def make(apps, schema_editor):
    for path in sorted(FOLDER.glob("*.sql")):
        # Not split at semicolons, and without parameters: functions have both signs in them.
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(path.read_text())


def drop(apps, schema_editor):
    for table, names in TRIGGERS.items():
        for name in names:
            schema_editor.execute(f"DROP TRIGGER reports_{name} ON {table}")
    schema_editor.execute("DROP SCHEMA reports CASCADE")


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0015_origin_of_calls"),
        ("monitoring", "0013_judge_repeats"),
    ]

    operations = [
        migrations.RunPython(make, drop),
    ]
