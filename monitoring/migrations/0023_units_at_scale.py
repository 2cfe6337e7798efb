"""Units of experiments are counted in a way that the planner sees the size of: half a million turns in seconds."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0023_units" / "units.sql"


def make(apps, schema_editor):
    # Not split at semicolons, and without parameters: functions have both signs in them.
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(SQL.read_text())


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0022_experiment_figures"),
    ]

    operations = [
        # Backwards the others stay: they mean what they meant.
        migrations.RunPython(
            make, lambda apps, schema_editor: schema_editor.execute("DROP FUNCTION reports.traffic_units")
        ),
    ]
