"""Reports read the parts of a range by index: a day's report had read every hour that there is."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0017_parts" / "parts.sql"


def make(apps, schema_editor):
    # Not split at semicolons, and without parameters: functions have both signs in them.
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(SQL.read_text())


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0016_score_labels"),
    ]

    operations = [
        # Backwards nothing: the functions mean what they meant.
        migrations.RunPython(make, migrations.RunPython.noop),
    ]
