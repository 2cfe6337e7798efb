"""Indexes by which the admin's lists of rare scores stay quick with millions of scores: without a value, and said by
others than judges."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("monitoring", "0017_parts"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="score",
            index=models.Index(
                fields=["-created_at"],
                condition=models.Q(("value__isnull", True)),
                name="monitoring_score_unscored",
            ),
        ),
        AddIndexConcurrently(
            model_name="score",
            index=models.Index(
                fields=["source", "-created_at"],
                condition=models.Q(("source", "JUDGE"), _negated=True),
                name="monitoring_score_by_others",
            ),
        ),
    ]
