"""Webhooks, what they were sent, and which alerts and verdicts were told."""

import django.contrib.postgres.fields
import django.db.models.deletion
import monitoring.models.webhooks
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0024_api_score_permission"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FiringAlert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(max_length=40, unique=True)),
                ("fired_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField(help_text="When it was last seen to fire.")),
            ],
        ),
        migrations.CreateModel(
            name="KnownVerdict",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("since", models.DateTimeField()),
                (
                    "experiment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.experiment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="What listens there, such as a team's chat.", max_length=100, unique=True
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        help_text="Where requests are sent, such as https://example.com/hooks/ragsite.",
                        max_length=1000,
                        verbose_name="address",
                    ),
                ),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("feedback.given", "A user gave or changed a vote"),
                                ("feedback.withdrawn", "A user took a vote back"),
                                ("flag.raised", "A turn was flagged for review"),
                                ("review.decided", "A reviewer decided"),
                                ("evaluation_run.finished", "An evaluation run is finished"),
                                ("evaluation_run.failed", "An evaluation run failed"),
                                ("evaluation_run.cancelled", "An evaluation run was cancelled"),
                                ("alert.fired", "An alert fires"),
                                ("alert.resolved", "An alert does not fire any more"),
                                ("experiment.verdict", "An experiment has another verdict"),
                                ("experiment.stopped", "An experiment was stopped"),
                            ],
                            max_length=30,
                        ),
                        help_text="What it is told of.",
                        size=None,
                    ),
                ),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("USER", "User"),
                                ("API", "Api"),
                                ("EVALUATION", "Evaluation"),
                                ("SYNTHETIC", "Synthetic"),
                            ],
                            max_length=10,
                        ),
                        default=monitoring.models.webhooks.live_origins,
                        help_text="Whose votes, flags, reviews and experiments.",
                        size=None,
                    ),
                ),
                (
                    "with_text",
                    models.BooleanField(
                        default=False,
                        help_text="Send questions, answers and comments along. Without, only ids, values and links leave this site.",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, help_text="Whether it is told of anything.")),
                ("secret", models.TextField(editable=False, help_text="Encrypted by the site's secret key.")),
                (
                    "previous_secret",
                    models.TextField(blank=True, default="", editable=False, help_text="Likewise. Empty: none."),
                ),
                (
                    "previous_until",
                    models.DateTimeField(editable=False, help_text="So long the one before signs too.", null=True),
                ),
                (
                    "paused_at",
                    models.DateTimeField(editable=False, help_text="When it was switched off by itself.", null=True),
                ),
                ("paused_reason", models.TextField(blank=True, default="", editable=False)),
                (
                    "failing_since",
                    models.DateTimeField(editable=False, help_text="Empty: the last attempt went well.", null=True),
                ),
                (
                    "delivered_at",
                    models.DateTimeField(editable=False, help_text="When it last took something.", null=True),
                ),
                (
                    "held_until",
                    models.DateTimeField(
                        editable=False,
                        help_text="So long nobody else sends to it: it is sent to, or failed a moment ago.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.CharField(max_length=30)),
                (
                    "event_id",
                    models.CharField(help_text="The same in all attempts, and for all webhooks.", max_length=40),
                ),
                (
                    "payload",
                    models.JSONField(
                        help_text="What is sent, without texts: these are read when it is sent, and not kept."
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("PENDING", "waiting"), ("DELIVERED", "delivered"), ("FAILED", "failed")],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(help_text="Of the next attempt. Empty: there is none.", null=True)),
                (
                    "response_status",
                    models.PositiveSmallIntegerField(help_text="Of the last attempt. Empty: no response.", null=True),
                ),
                ("response_text", models.TextField(blank=True, default="", help_text="How the last response began.")),
                (
                    "error",
                    models.TextField(
                        blank=True, default="", help_text="Why the last attempt failed. Empty: it did not."
                    ),
                ),
                ("seconds", models.FloatField(help_text="That the last attempt took.", null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("attempted_at", models.DateTimeField(help_text="The last attempt.", null=True)),
                (
                    "webhook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="monitoring.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("events", []), _negated=True),
                    (
                        "events__contained_by",
                        [
                            "feedback.given",
                            "feedback.withdrawn",
                            "flag.raised",
                            "review.decided",
                            "evaluation_run.finished",
                            "evaluation_run.failed",
                            "evaluation_run.cancelled",
                            "alert.fired",
                            "alert.resolved",
                            "experiment.verdict",
                            "experiment.stopped",
                        ],
                    ),
                ),
                name="monitoring_webhook_events",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("origins", []), _negated=True),
                    ("origins__contained_by", ["USER", "API", "EVALUATION", "SYNTHETIC"]),
                ),
                name="monitoring_webhook_origins",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paused_at__isnull", True), ("paused_reason", "")),
                    models.Q(("is_active", False), ("paused_at__isnull", False), ("paused_reason__gt", "")),
                    _connector="OR",
                ),
                name="monitoring_webhook_paused",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "PENDING")), fields=["webhook", "next_at"], name="monitoring_webhook_due"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "FAILED")), fields=["webhook"], name="monitoring_webhook_failed"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["created_at"], name="monitoring_webhook_created"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(fields=("webhook", "event_id"), name="monitoring_webhook_once"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_at__isnull", False), ("status", "PENDING")),
                    models.Q(("next_at__isnull", True), ("status__in", ["DELIVERED", "FAILED"])),
                    _connector="OR",
                ),
                name="monitoring_webhook_delivery",
            ),
        ),
    ]
