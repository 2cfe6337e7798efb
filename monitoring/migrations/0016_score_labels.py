"""Scores by criterion and label: the turns behind a failing criterion, and the admin's list of a criterion."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("monitoring", "0015_topics"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="score",
            index=models.Index(fields=["name", "label", "-created_at"], name="monitoring_score_labels"),
        ),
    ]
