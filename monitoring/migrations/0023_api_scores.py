"""Scores that other programs send: who sent them, by which of their identifiers, and what they are by. A label alone is a
score too, which no mean has."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0023_api_tokens"),
        ("monitoring", "0022_experiment_figures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="score",
            name="monitoring_score_error",
        ),
        migrations.AddField(
            model_name="score",
            name="annotator_kind",
            field=models.CharField(
                blank=True,
                choices=[("HUMAN", "a person"), ("LLM", "a language model"), ("CODE", "a program")],
                db_default="",
                default="",
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="author",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Whose program sent it by the API.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="identifier",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Tells several scores of one name by one author apart.",
                max_length=100,
            ),
        ),
        migrations.AlterField(
            model_name="score",
            name="value",
            field=models.FloatField(
                help_text="0 to 1, larger is better. Empty: unscored; `error` says why, or the API sent a label alone.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="score",
            index=models.Index(
                condition=models.Q(("author__isnull", False)), fields=["author"], name="monitoring_score_by_author"
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("error", ""), ("value__isnull", False)),
                    models.Q(("error__gt", ""), ("value__isnull", True)),
                    models.Q(("error", ""), ("label__gt", ""), ("source", "API"), ("value__isnull", True)),
                    _connector="OR",
                ),
                name="monitoring_score_error",
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("annotator_kind__in", ["HUMAN", "LLM", "CODE"]), ("source", "API")),
                    models.Q(
                        models.Q(("source", "API"), _negated=True),
                        ("annotator_kind", ""),
                        ("author__isnull", True),
                        ("identifier", ""),
                    ),
                    _connector="OR",
                ),
                name="monitoring_score_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.UniqueConstraint(
                condition=models.Q(("conversation__isnull", True), ("source", "API")),
                fields=("turn", "name", "author", "identifier"),
                name="monitoring_score_program_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.UniqueConstraint(
                condition=models.Q(("conversation__isnull", False), ("source", "API")),
                fields=("conversation", "name", "author", "identifier"),
                name="monitoring_score_whole_once",
            ),
        ),
    ]
