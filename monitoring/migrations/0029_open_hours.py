"""What happens in the hour that goes on is not noted any more: its roll-up is made once, when the hour is closed."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0029_open_hours" / "open_hours.sql"


def make(apps, schema_editor):
    # Not split at semicolons, and without parameters: functions have both signs in them.
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(SQL.read_text())


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0015_origin_of_calls"),
        ("monitoring", "0028_export_permissions"),
    ]

    operations = [
        # Backwards nothing: the functions mean what they meant.
        migrations.RunPython(make, migrations.RunPython.noop),
    ]
