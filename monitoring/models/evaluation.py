"""Evaluation runs: a split of a dataset put through one pipeline config, offline, by the same pipeline as live traffic.

What is due is a function of the data (items of the dataset's version and split x repetitions - evaluation items that
are finished), so that a run that was killed goes on where it was and pays nothing twice.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from chat.models import PipelineConfig, Turn
from monitoring.models.datasets import Dataset, DatasetItem


class EvaluationRunQuerySet(models.QuerySet["EvaluationRun"]):
    def for_list(self) -> "EvaluationRunQuerySet":
        """Newest first, with what a list shows."""
        return self.select_related("dataset", "config", "created_by").order_by("-pk")

    def open(self) -> "EvaluationRunQuerySet":
        """Those that wait or go on."""
        return self.filter(status__in=[EvaluationRun.Status.QUEUED, EvaluationRun.Status.RUNNING])

    def abandoned(self, silent_since: datetime) -> "EvaluationRunQuerySet":
        """Those whose process died: they are running, and nobody has said so since `silent_since`."""
        return self.filter(status=EvaluationRun.Status.RUNNING, heartbeat_at__lt=silent_since)


class EvaluationRun(models.Model):
    """One config on one split of one version of a dataset, or on all of it."""

    ALL_SPLITS = "ALL"

    class Kind(models.TextChoices):
        RETRIEVAL = "RETRIEVAL", "retrieval only"  # search, no model
        ANSWER = "ANSWER", "answers"  # the whole pipeline; each item is a turn with origin EVALUATION

    class Status(models.TextChoices):
        QUEUED = "QUEUED", "queued"
        RUNNING = "RUNNING", "running"  # `heartbeat_at` says that somebody works on it
        DONE = "DONE", "done"
        CANCELLED = "CANCELLED", "cancelled"
        FAILED = "FAILED", "failed"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    version = models.PositiveIntegerField(help_text="Of the dataset.")
    split = models.CharField(max_length=12, choices=[*DatasetItem.Split.choices, (ALL_SPLITS, "all")])
    config = models.ForeignKey(PipelineConfig, on_delete=models.PROTECT, related_name="evaluation_runs")
    kind = models.CharField(max_length=10, choices=Kind)
    k = models.PositiveSmallIntegerField(default=5, help_text="The cutoff of measures such as hit rate.")
    repeat = models.PositiveSmallIntegerField(
        default=1, help_text="How often each question is put; more than 1 tells noise from difference."
    )
    item_limit = models.PositiveIntegerField(null=True, blank=True, help_text="The first so many items. Empty: all.")
    judge_model = models.CharField(
        max_length=200, blank=True, default="", help_text='"provider/model" that judges answers. Empty: no LLM judge.'
    )
    round_trip = models.BooleanField(
        default=False, help_text="Make a question of each answer, answer that too, and compare the two answers."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    total_items = models.PositiveIntegerField(help_text="Items x repetitions.")
    done_items = models.PositiveIntegerField(default=0, help_text="Finished so far, failed ones too.")
    error = models.TextField(blank=True, default="")
    claim = models.UUIDField(null=True, editable=False, help_text="Of the process that works on it. Empty: nobody.")
    starts = models.PositiveSmallIntegerField(
        default=0, help_text="How often a process took it up since it last got further."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    corpus_chunks = models.PositiveIntegerField(null=True, help_text="Chunks in the knowledge base when it began.")
    embed_seconds = models.FloatField(null=True, help_text="Embedding the questions of a retrieval run, together.")
    duration_seconds = models.FloatField(null=True, help_text="Time worked, over all starts.")
    cost_usd = models.DecimalField(
        max_digits=14, decimal_places=8, default=0, help_text="Of all its calls so far whose cost is known."
    )
    unpriced_calls = models.PositiveIntegerField(default=0, help_text="Calls whose cost is not known.")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationRunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_run_split", condition=Q(split__in=["DEV", "TEST", "CALIBRATION", "ALL"])
            ),
            models.CheckConstraint(name="monitoring_run_kind", condition=Q(kind__in=["RETRIEVAL", "ANSWER"])),
            models.CheckConstraint(
                name="monitoring_run_status",
                condition=Q(status__in=["QUEUED", "RUNNING", "DONE", "CANCELLED", "FAILED"]),
            ),
            models.CheckConstraint(name="monitoring_run_k", condition=Q(k__gte=1, k__lte=50)),
            models.CheckConstraint(name="monitoring_run_repeat", condition=Q(repeat__gte=1)),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}: {self.config} on {self.dataset}"

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_evaluationrun_report", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status not in (self.Status.QUEUED, self.Status.RUNNING)


class EvaluationItem(models.Model):
    """What a config made of one item: the ranking, and for answers the turn. Finished when the row is there."""

    run = models.ForeignKey(EvaluationRun, on_delete=models.CASCADE, related_name="items")
    item = models.ForeignKey(DatasetItem, on_delete=models.CASCADE, related_name="+")
    repetition = models.PositiveSmallIntegerField(default=1)
    turn = models.OneToOneField(
        Turn, on_delete=models.SET_NULL, null=True, related_name="evaluation_item", help_text="Empty: retrieval only."
    )
    chunk_ids = ArrayField(models.BigIntegerField(), default=list, help_text="The ranking, best first.")
    document_ids = ArrayField(models.BigIntegerField(), default=list, help_text="The document of each ranked chunk.")
    hit_scores = ArrayField(models.FloatField(), default=list, help_text="The search's score of each ranked chunk.")
    chunk_grades = ArrayField(
        models.PositiveSmallIntegerField(), default=list, help_text="The relevance of each ranked chunk, 0: none."
    )
    search_seconds = models.FloatField(null=True)
    error = models.CharField(max_length=500, blank=True, default="", help_text="Why it failed. Empty: it did not.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "item", "repetition"], name="monitoring_evalitem_once"),
        ]

    def __str__(self) -> str:
        return f"Item {self.item_id} of run {self.run_id}"


class ItemScore(models.Model):
    """One measure or judge's verdict on one evaluation item. A value, or the reason why there is none: never zero for
    unknown."""

    evaluation_item = models.ForeignKey(EvaluationItem, on_delete=models.CASCADE, related_name="scores")
    name = models.CharField(max_length=60, help_text='As in the registry of measures, such as "hit_rate".')
    value = models.FloatField(null=True, help_text="0 to 1. Empty: unscored, `error` says why.")
    label = models.CharField(max_length=40, blank=True, default="")
    explanation = models.TextField(blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")
    judge_version = models.CharField(max_length=40, blank=True, default="", help_text="Empty: a measure, no judge.")

    class Meta:
        ordering = ["evaluation_item", "name"]
        constraints = [
            models.UniqueConstraint(fields=["evaluation_item", "name"], name="monitoring_itemscore_once"),
            models.CheckConstraint(
                name="monitoring_itemscore_error",
                condition=Q(value__isnull=False, error="") | Q(value__isnull=True, error__gt=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"
