"""Indexes by which the admin's lists of rare turns stay quick with millions of turns: stopped, replaced, and finished
at a cost that nobody knows."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def _rare(name: str, condition: models.Q) -> AddIndexConcurrently:
    index = models.Index(fields=["-created_at"], name=name, condition=condition)
    return AddIndexConcurrently(model_name="turn", index=index)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0019_budget_permissions"),
    ]

    operations = [
        _rare("chat_turn_stopped", models.Q(("status", "STOPPED"))),
        _rare("chat_turn_replaced", models.Q(("is_current", False))),
        _rare("chat_turn_unknown_cost", models.Q(("cost_usd__isnull", True), ("finished_at__isnull", False))),
    ]
