"""Topics: questions of a range of time grouped by meaning, so that a person sees what users ask and where answers fail.

A run holds the turns that it looks at, with their vectors while it works and their topics when it is done. No text is
copied here: what a topic is called is read from its turns, and is gone when they are.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from pgvector.django import VectorField

from chat.models import Turn
from chat.models.conversation import Origin


class TopicRunQuerySet(models.QuerySet["TopicRun"]):
    def open(self) -> "TopicRunQuerySet":
        """Those that wait or go on."""
        return self.filter(status__in=[TopicRun.Status.QUEUED, TopicRun.Status.RUNNING])

    def done(self) -> "TopicRunQuerySet":
        """The newest first."""
        return self.filter(status=TopicRun.Status.DONE).order_by("-pk")


class TopicRun(models.Model):
    """The questions of a range of time, put into groups once."""

    class Status(models.TextChoices):
        QUEUED = "QUEUED", "queued"
        RUNNING = "RUNNING", "running"  # or its process died: `heartbeat_at` tells
        DONE = "DONE", "done"
        FAILED = "FAILED", "failed"
        CANCELLED = "CANCELLED", "cancelled"

    origin = models.CharField(max_length=10, choices=Origin, default=Origin.USER)
    since = models.DateTimeField(help_text="Questions asked from then on; as long before it is the time compared with.")
    until = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True, default="")
    recipe = models.JSONField(default=dict, blank=True, help_text="How it was grouped: embedder, method, sizes.")
    found_turns = models.PositiveIntegerField(
        null=True, help_text="With a question, in both times. Empty: not counted."
    )
    total_turns = models.PositiveIntegerField(default=0, help_text="Looked at: all, or a sample.")
    done_turns = models.PositiveIntegerField(default=0, help_text="Whose question has been read.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: made by itself, once a day.",
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TopicRunQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "topics"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="monitoring_topicrun_range", condition=Q(until__gt=F("since"))),
            models.CheckConstraint(
                name="monitoring_topicrun_origin", condition=Q(origin__in=["USER", "API", "EVALUATION", "SYNTHETIC"])
            ),
            models.CheckConstraint(
                name="monitoring_topicrun_status",
                condition=Q(status__in=["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]),
            ),
            # a second one would wait for the first and say the same
            models.UniqueConstraint(
                fields=["origin"], condition=Q(status__in=["QUEUED", "RUNNING"]), name="monitoring_topicrun_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"Topics of {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        return f"{reverse('admin:monitoring_topicrun_changelist')}?run={self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def is_sample(self) -> bool:
        return bool(self.found_turns and self.found_turns > self.total_turns)

    @property
    def days(self) -> int:
        return max(1, round((self.until - self.since).total_seconds() / 86_400))


class Topic(models.Model):
    """A group of questions."""

    run = models.ForeignKey(TopicRun, on_delete=models.CASCADE, related_name="topics")
    words = ArrayField(
        models.CharField(max_length=60), default=list, blank=True, help_text="Telling words, each of several turns."
    )

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Topic {self.pk}: {', '.join(self.words)}"

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_topicrun_topic", args=[self.pk])


class TopicTurn(models.Model):
    """A turn that a run looks at. Without a topic, when the run is done: its question is like no other."""

    run = models.ForeignKey(TopicRun, on_delete=models.CASCADE, related_name="members", db_index=False)
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="+")
    topic = models.ForeignKey(
        Topic, on_delete=models.CASCADE, null=True, blank=True, related_name="members", db_index=False
    )
    similarity = models.FloatField(null=True, help_text="Cosine to the middle of the topic, -1 to 1.")
    vector = VectorField(null=True, help_text="Of the question; only until the run is done.")
    is_before = models.BooleanField(default=False, help_text="Of the time that is compared with.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "turn"], name="monitoring_topicturn_once"),
        ]
        indexes = [
            # questions of a topic, the most typical first
            models.Index(fields=["topic", "-similarity"], name="monitoring_topicturn_typical"),
        ]

    def __str__(self) -> str:
        return f"turn {self.turn_id} of run {self.run_id}"
