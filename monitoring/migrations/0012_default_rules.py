"""Rules by which judges without a model look at every answer from the start, so that there are verdicts without a key.

One set for each origin, because figures of one never mix with another's. What was answered before is left alone.
"""

from django.db import migrations
from django.utils import timezone

JUDGES = [
    "groundedness_offline",
    "relevance_offline",
    "context_relevance_offline",
    "citation_accuracy_offline",
    "refusal_offline",
    "toxicity_offline",
    "question_toxicity_offline",
    "session_quality_offline",
]
ORIGINS = {"USER": "users", "API": "API"}


def make(apps, schema_editor):
    rules = apps.get_model("monitoring", "JudgeRule").objects.using(schema_editor.connection.alias)
    now = timezone.now()
    for origin, whose in ORIGINS.items():
        for judge in JUDGES:
            rules.get_or_create(
                name=f"{judge} ({whose})", defaults={"judge": judge, "origin": origin, "since": now, "is_active": True}
            )


def remove(apps, schema_editor):
    rules = apps.get_model("monitoring", "JudgeRule").objects.using(schema_editor.connection.alias)
    names = [f"{judge} ({whose})" for whose in ORIGINS.values() for judge in JUDGES]
    rules.filter(name__in=names).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0011_review_rounds"),
        ("chat", "0012_finished_turns"),
    ]

    operations = [migrations.RunPython(make, remove)]
