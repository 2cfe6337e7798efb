"""Topics: questions grouped by meaning; reviewers read them, operators order them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import pgvector.django.vector
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models


# A reviewer reads topics; an operator has questions grouped.
VIEW = ["view_topicrun", "view_topic", "view_topicturn"]
GROUPS = {"reviewer": VIEW, "operator": [*VIEW, "add_topicrun", "change_topicrun"]}


def permit(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after the last migration; on a fresh database they do not exist yet.
    app = apps.get_app_config("monitoring")
    app.models_module = True  # or Django takes the historical app for one without models
    create_permissions(app, apps=apps, using=alias, verbosity=0)
    app.models_module = None
    for group, permissions in _groups(apps, alias):
        group.permissions.add(*permissions)


def forbid(apps, schema_editor):
    for group, permissions in _groups(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def _groups(apps, alias):
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        # an administrator may have removed the group; then nobody is to get these permissions
        for group in Group.objects.using(alias).filter(name=name):
            yield (
                group,
                Permission.objects.using(alias).filter(content_type__app_label="monitoring", codename__in=codenames),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0017_lists_of_turns"),
        ("monitoring", "0014_reports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Topic",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "words",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        blank=True,
                        default=list,
                        help_text="Telling words, each of several turns.",
                        size=None,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="TopicRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("USER", "User"),
                            ("API", "Api"),
                            ("EVALUATION", "Evaluation"),
                            ("SYNTHETIC", "Synthetic"),
                        ],
                        default="USER",
                        max_length=10,
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(
                        help_text="Questions asked from then on; as long before it is the time compared with."
                    ),
                ),
                ("until", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("QUEUED", "queued"),
                            ("RUNNING", "running"),
                            ("DONE", "done"),
                            ("FAILED", "failed"),
                            ("CANCELLED", "cancelled"),
                        ],
                        default="QUEUED",
                        max_length=10,
                    ),
                ),
                ("error", models.TextField(blank=True, default="")),
                (
                    "recipe",
                    models.JSONField(
                        blank=True, default=dict, help_text="How it was grouped: embedder, method, sizes."
                    ),
                ),
                (
                    "found_turns",
                    models.PositiveIntegerField(
                        help_text="With a question, in both times. Empty: not counted.", null=True
                    ),
                ),
                ("total_turns", models.PositiveIntegerField(default=0, help_text="Looked at: all, or a sample.")),
                ("done_turns", models.PositiveIntegerField(default=0, help_text="Whose question has been read.")),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "topics",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="TopicTurn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("similarity", models.FloatField(help_text="Cosine to the middle of the topic, -1 to 1.", null=True)),
                (
                    "vector",
                    pgvector.django.vector.VectorField(
                        help_text="Of the question; only until the run is done.", null=True
                    ),
                ),
                ("is_before", models.BooleanField(default=False, help_text="Of the time that is compared with.")),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.AddField(
            model_name="topicrun",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: made by itself, once a day.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="topic",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="topics", to="monitoring.topicrun"
            ),
        ),
        migrations.AddField(
            model_name="topicturn",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="monitoring.topicrun",
            ),
        ),
        migrations.AddField(
            model_name="topicturn",
            name="topic",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="monitoring.topic",
            ),
        ),
        migrations.AddField(
            model_name="topicturn",
            name="turn",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="chat.turn"),
        ),
        migrations.AddConstraint(
            model_name="topicrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("until__gt", models.F("since"))), name="monitoring_topicrun_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="topicrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin__in", ["USER", "API", "EVALUATION", "SYNTHETIC"])),
                name="monitoring_topicrun_origin",
            ),
        ),
        migrations.AddConstraint(
            model_name="topicrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"])),
                name="monitoring_topicrun_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="topicrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["QUEUED", "RUNNING"])),
                fields=("origin",),
                name="monitoring_topicrun_one_open",
            ),
        ),
        migrations.AddIndex(
            model_name="topicturn",
            index=models.Index(fields=["topic", "-similarity"], name="monitoring_topicturn_typical"),
        ),
        migrations.AddConstraint(
            model_name="topicturn",
            constraint=models.UniqueConstraint(fields=("run", "turn"), name="monitoring_topicturn_once"),
        ),
        migrations.RunPython(permit, forbid),
    ]
