"""Webhooks: other programs that are told of what happens, what they were sent, and what was told already.

A delivery is written in the transaction that makes its event true, and sent afterwards: what is to be sent is a
function of the rows, so that a worker that dies loses nothing.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from chat.models.conversation import Origin
from monitoring.models.experiments import Experiment


class Event(models.TextChoices):
    """What a webhook can be told of."""

    FEEDBACK_GIVEN = "feedback.given", "A user gave or changed a vote"
    FEEDBACK_WITHDRAWN = "feedback.withdrawn", "A user took a vote back"
    FLAG_RAISED = "flag.raised", "A turn was flagged for review"
    REVIEW_DECIDED = "review.decided", "A reviewer decided"
    RUN_FINISHED = "evaluation_run.finished", "An evaluation run is finished"
    RUN_FAILED = "evaluation_run.failed", "An evaluation run failed"
    RUN_CANCELLED = "evaluation_run.cancelled", "An evaluation run was cancelled"
    ALERT_FIRED = "alert.fired", "An alert fires"
    ALERT_RESOLVED = "alert.resolved", "An alert does not fire any more"
    EXPERIMENT_VERDICT = "experiment.verdict", "An experiment has another verdict"
    EXPERIMENT_STOPPED = "experiment.stopped", "An experiment was stopped"


TEST_EVENT = "webhook.test"  # sent by the test button alone


def live_origins() -> list[str]:
    """Return whose traffic is told of unless something else is chosen: that of people and of programs."""
    return [Origin.USER.value, Origin.API.value]


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def free(self, now: datetime) -> "WebhookQuerySet":
        """Those that nobody sends to at the moment, and that did not fail a moment ago."""
        return self.filter(Q(held_until=None) | Q(held_until__lte=now), is_active=True)

    def with_counts(self) -> "WebhookQuerySet":
        """With how many deliveries wait and how many failed for good."""
        deliveries = WebhookDelivery.objects.filter(webhook=models.OuterRef("pk")).order_by().values("webhook")
        counts = {
            name: models.functions.Coalesce(
                models.Subquery(
                    deliveries.filter(status=status).annotate(number=models.Count("pk")).values("number"),
                    output_field=models.IntegerField(),
                ),
                models.Value(0),
            )
            for name, status in (("waiting", WebhookDelivery.Status.PENDING), ("failed", WebhookDelivery.Status.FAILED))
        }
        return self.annotate(**counts)


class Webhook(models.Model):
    """An address that is told of events, each in one signed request."""

    name = models.CharField(max_length=100, unique=True, help_text="What listens there, such as a team's chat.")
    url = models.CharField(
        "address", max_length=1000, help_text="Where requests are sent, such as https://example.com/hooks/ragsite."
    )
    events = ArrayField(models.CharField(max_length=30, choices=Event), help_text="What it is told of.")
    origins = ArrayField(
        models.CharField(max_length=10, choices=Origin),
        default=live_origins,
        help_text="Whose votes, flags, reviews and experiments.",
    )
    with_text = models.BooleanField(
        default=False,
        help_text="Send questions, answers and comments along. Without, only ids, values and links leave this site.",
    )
    is_active = models.BooleanField(default=True, help_text="Whether it is told of anything.")
    secret = models.TextField(editable=False, help_text="Encrypted by the site's secret key.")
    previous_secret = models.TextField(blank=True, default="", editable=False, help_text="Likewise. Empty: none.")
    previous_until = models.DateTimeField(null=True, editable=False, help_text="So long the one before signs too.")
    paused_at = models.DateTimeField(null=True, editable=False, help_text="When it was switched off by itself.")
    paused_reason = models.TextField(blank=True, default="", editable=False)
    failing_since = models.DateTimeField(null=True, editable=False, help_text="Empty: the last attempt went well.")
    delivered_at = models.DateTimeField(null=True, editable=False, help_text="When it last took something.")
    held_until = models.DateTimeField(
        null=True, editable=False, help_text="So long nobody else sends to it: it is sent to, or failed a moment ago."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_webhook_events",
                condition=~Q(events=[])
                & Q(
                    events__contained_by=[
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
                    ]
                ),
            ),
            models.CheckConstraint(
                name="monitoring_webhook_origins",
                condition=~Q(origins=[]) & Q(origins__contained_by=["USER", "API", "EVALUATION", "SYNTHETIC"]),
            ),
            models.CheckConstraint(
                name="monitoring_webhook_paused",
                condition=Q(paused_at__isnull=True, paused_reason="")
                | Q(paused_at__isnull=False, paused_reason__gt="", is_active=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_webhook_change", args=[self.pk])


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def due(self, now: datetime) -> "WebhookDeliveryQuerySet":
        """Those to be sent, in the order in which they became due."""
        return self.filter(status=WebhookDelivery.Status.PENDING, next_at__lte=now).order_by("next_at", "pk")


class WebhookDelivery(models.Model):
    """An event for one webhook: what is sent, and what became of it."""

    class Status(models.TextChoices):
        PENDING = "PENDING", "waiting"  # for the first or the next attempt, at `next_at`
        DELIVERED = "DELIVERED", "delivered"
        FAILED = "FAILED", "failed"  # for good, unless a person sends it again

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.CharField(max_length=30)
    event_id = models.CharField(max_length=40, help_text="The same in all attempts, and for all webhooks.")
    payload = models.JSONField(help_text="What is sent, without texts: these are read when it is sent, and not kept.")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, help_text="Of the next attempt. Empty: there is none.")
    response_status = models.PositiveSmallIntegerField(null=True, help_text="Of the last attempt. Empty: no response.")
    response_text = models.TextField(blank=True, default="", help_text="How the last response began.")
    error = models.TextField(blank=True, default="", help_text="Why the last attempt failed. Empty: it did not.")
    seconds = models.FloatField(null=True, help_text="That the last attempt took.")
    created_at = models.DateTimeField(auto_now_add=True)
    attempted_at = models.DateTimeField(null=True, help_text="The last attempt.")

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-pk"]
        constraints = [
            # An event that is told of twice is written once; also finds those of a webhook.
            models.UniqueConstraint(fields=["webhook", "event_id"], name="monitoring_webhook_once"),
            models.CheckConstraint(
                name="monitoring_webhook_delivery",
                condition=Q(status="PENDING", next_at__isnull=False)
                | Q(status__in=["DELIVERED", "FAILED"], next_at__isnull=True),
            ),
        ]
        indexes = [
            # what is due
            models.Index(fields=["webhook", "next_at"], condition=Q(status="PENDING"), name="monitoring_webhook_due"),
            # what failed for good, to be counted
            models.Index(fields=["webhook"], condition=Q(status="FAILED"), name="monitoring_webhook_failed"),
            # the log of all, and what is old enough to be deleted
            models.Index(fields=["created_at"], name="monitoring_webhook_created"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.event_id}"

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_webhookdelivery_change", args=[self.pk])


class FiringAlert(models.Model):
    """A rule of monitoring.alerts that is known to fire, while somebody listens: gone when it does not any more."""

    rule = models.CharField(max_length=40, unique=True)
    fired_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it was last seen to fire.")

    def __str__(self) -> str:
        return self.rule


class KnownVerdict(models.Model):
    """The verdict on an experiment at the last look, which the next one is compared with."""

    experiment = models.OneToOneField(Experiment, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} since {self.since:%Y-%m-%d %H:%M}"
