"""Figures by steps are true in every zone and for steps of any length; costs of which nothing is known are unknown, coverage
counts votes on answers alone, and similarity says what it rests on."""

from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent / "sql" / "0030_true_steps"


def make(apps, schema_editor):
    for path in sorted(FOLDER.glob("*.sql")):
        # Not split at semicolons, and without parameters: functions have both signs in them.
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(path.read_text())


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0029_open_hours"),
    ]

    operations = [
        # Backwards nothing: what is there now serves those who read it before.
        migrations.RunPython(make, migrations.RunPython.noop),
    ]
