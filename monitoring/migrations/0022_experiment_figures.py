"""Figures of experiments: what each unit has of each KPI, and their sums; what was known at the last look."""

from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent / "sql" / "0022_experiments"
DROP_SQL = """
DROP FUNCTION reports.experiments, reports.experiment_sums, reports.traffic_units, reports.kpi_units, reports.unit_arrivals,
              reports.grant_reader;
DROP VIEW reports.experiment_look, reports.exposure, reports.variant, reports.experiment;
"""


def make(apps, schema_editor):
    for path in sorted(FOLDER.glob("*.sql")):
        # Not split at semicolons, and without parameters: functions have both signs in them.
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(path.read_text())


def drop(apps, schema_editor):
    reader = (FOLDER.parent / "0014_reports" / "6_reader.sql").read_text()
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(DROP_SQL)
        cursor.execute(reader[reader.index("CREATE FUNCTION reports.grant_reader") :])


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0021_fewer_indexes"),
        ("monitoring", "0021_experiment_layers"),
    ]

    operations = [
        migrations.RunPython(make, drop),
    ]
