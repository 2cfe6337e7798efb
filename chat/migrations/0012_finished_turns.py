"""Turns by the time at which they were finished: what judges look through every minute."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0011_records_of_uploads"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="turn",
            index=models.Index(
                condition=models.Q(("status", "DONE")), fields=["finished_at"], name="chat_turn_finished"
            ),
        ),
    ]
