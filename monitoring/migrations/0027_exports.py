"""Exports of turns, and the parts of their files."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0026_webhook_permissions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "file_format",
                    models.CharField(
                        choices=[("jsonl", "JSONL"), ("csv", "CSV"), ("parquet", "Parquet")],
                        default="jsonl",
                        max_length=10,
                    ),
                ),
                (
                    "choice",
                    models.JSONField(default=dict, help_text="Filters, as in the addresses of the list of turns."),
                ),
                (
                    "words",
                    models.CharField(
                        blank=True, default="", help_text="The same in words, as of then.", max_length=500
                    ),
                ),
                (
                    "users",
                    models.CharField(
                        choices=[("none", "left out"), ("ids", "by number"), ("names", "by name")],
                        default="ids",
                        max_length=10,
                    ),
                ),
                ("with_texts", models.BooleanField(default=True)),
                (
                    "score_names",
                    models.JSONField(blank=True, default=list, help_text="Criteria that are columns of a table."),
                ),
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
                ("total_turns", models.PositiveIntegerField(help_text="Empty: not counted.", null=True)),
                ("done_turns", models.PositiveIntegerField(default=0)),
                (
                    "size_bytes",
                    models.PositiveBigIntegerField(default=0, help_text="Of the parts so far, before compression."),
                ),
                ("place_at", models.DateTimeField(null=True)),
                ("place_turn_id", models.BigIntegerField(null=True)),
                ("claim", models.UUIDField(help_text="Of the process that works on it.", null=True)),
                (
                    "starts",
                    models.PositiveSmallIntegerField(default=0, help_text="How often a process took it up in vain."),
                ),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "permissions": [("export_turns", "Can export turns")],
            },
        ),
        migrations.CreateModel(
            name="ExportPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(help_text="1 is the first.")),
                ("data", models.BinaryField()),
                (
                    "export",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="monitoring.export",
                    ),
                ),
            ],
            options={
                "ordering": ["export", "number"],
            },
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(("file_format__in", ["jsonl", "csv", "parquet"])), name="monitoring_export_format"
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(("users__in", ["none", "ids", "names"])), name="monitoring_export_users"
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"])),
                name="monitoring_export_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="exportpart",
            constraint=models.UniqueConstraint(fields=("export", "number"), name="monitoring_exportpart_once"),
        ),
    ]
