"""Nobody is in two experiments at once: what runs has ranges of the traffic that do not overlap."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.db import migrations
from django.db.models import F, Func, Q


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0020_experiments"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="experiment",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                name="monitoring_experiment_layers",
                expressions=[
                    (
                        Func(F("first_bucket"), F("first_bucket") + F("traffic"), function="int4range"),
                        django.contrib.postgres.fields.ranges.RangeOperators.OVERLAPS,
                    )
                ],
                condition=Q(("status", "RUNNING")) & Q(("origin", "SYNTHETIC"), _negated=True),
            ),
        ),
    ]
