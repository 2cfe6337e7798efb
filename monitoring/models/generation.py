"""Questions made from documents: an order, its tasks (one request to a model each, or one document for the templates),
and every question that came of them, kept or dropped and why.

What is due is a function of the data (the tasks that are not done), so that an order whose process was killed goes on
where it was and pays nothing twice.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from chat.models import Collection
from monitoring.models.datasets import Dataset


class GenerationQuerySet(models.QuerySet["Generation"]):
    def for_list(self) -> "GenerationQuerySet":
        """Newest first, with what a list shows and the numbers of questions kept and dropped."""
        outcome = GeneratedQuestion.Outcome
        return (
            self.select_related("dataset", "collection", "created_by")
            .annotate(
                kept=models.Count("questions", filter=Q(questions__outcome=outcome.KEPT)),
                dropped=models.Count("questions", filter=~Q(questions__outcome__in=[outcome.KEPT, outcome.WAITING])),
            )
            .order_by("-pk")
        )

    def open(self) -> "GenerationQuerySet":
        """Those that are not finished; a stopped one may go on."""
        return self.exclude(status=Generation.Status.DONE)


class Generation(models.Model):
    """An order: so many questions about the documents of a collection, into a dataset."""

    class Status(models.TextChoices):
        QUEUED = "QUEUED", "queued"
        RUNNING = "RUNNING", "running"  # or its process died: `heartbeat_at` tells
        STOPPED = "STOPPED", "stopped"  # by a person; may go on
        FAILED = "FAILED", "failed"  # may go on when the reason is gone
        DONE = "DONE", "done"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="generations")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    model = models.CharField(
        max_length=200, blank=True, default="", help_text='"provider/model" that writes. Empty: templates, no model.'
    )
    per_document = models.PositiveSmallIntegerField(help_text="Questions asked for of each document.")
    unanswerable_ratio = models.FloatField(help_text="Questions without an answer, for each one of a document.")
    multi_document_ratio = models.FloatField(help_text="Questions that need two documents, for each one of a document.")
    limit_documents = models.PositiveIntegerField(null=True, help_text="A sample of so many. Empty: all.")
    seed = models.PositiveIntegerField(help_text="Decides the sample and who asks.")
    is_checked = models.BooleanField(
        default=True, help_text="The model is asked again whether each question can be answered."
    )
    in_worker = models.BooleanField(default=False, help_text="The worker goes on with it by itself.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True, default="")
    version = models.PositiveIntegerField(null=True, help_text="Of the dataset, that has its questions.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    estimated_cost_usd = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, help_text="Before the start. Empty: unknown."
    )
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_generation_status",
                condition=Q(status__in=["QUEUED", "RUNNING", "STOPPED", "FAILED", "DONE"]),
            ),
            models.CheckConstraint(name="monitoring_generation_number", condition=Q(per_document__gte=1)),
            models.CheckConstraint(
                name="monitoring_generation_ratios",
                condition=Q(unanswerable_ratio__gte=0, multi_document_ratio__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"Questions {self.pk} for {self.dataset}"

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_generation_change", args=[self.pk])


class GenerationTask(models.Model):
    """One request: documents, and what kind of questions about them. Its answer is stored with its questions."""

    class Kind(models.TextChoices):
        SINGLE = "SINGLE", "one document"
        MULTI = "MULTI", "two documents"
        UNANSWERABLE = "UNANSWERABLE", "unanswerable"

    class Status(models.TextChoices):
        WAITING = "WAITING", "waiting"
        WRITTEN = "WRITTEN", "written"  # its questions are there, and are still to be checked
        DONE = "DONE", "done"
        FAILED = "FAILED", "failed"  # tried again when the order goes on

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="tasks")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind)
    document_ids = ArrayField(models.BigIntegerField(), help_text="Documents that are gone by its turn give nothing.")
    count = models.PositiveSmallIntegerField(help_text="Questions asked for.")
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    error = models.CharField(max_length=500, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    calls = models.PositiveSmallIntegerField(default=0, help_text="Requests to the model, failed ones too.")
    unpriced_calls = models.PositiveSmallIntegerField(default=0, help_text="Those whose cost is unknown.")
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0, help_text="Of the others.")

    class Meta:
        ordering = ["generation", "position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "position"], name="monitoring_task_position"),
            models.CheckConstraint(
                name="monitoring_task_kind", condition=Q(kind__in=["SINGLE", "MULTI", "UNANSWERABLE"])
            ),
            models.CheckConstraint(
                name="monitoring_task_status", condition=Q(status__in=["WAITING", "WRITTEN", "DONE", "FAILED"])
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.position} of {self.generation_id}"


class GeneratedQuestion(models.Model):
    """A question that a task gave, and what became of it."""

    class Outcome(models.TextChoices):
        WAITING = "WAITING", "waiting"
        KEPT = "KEPT", "kept"
        NO_QUESTION = "NO_QUESTION", "no question"
        COPIED = "COPIED", "copied from its document"
        NOT_FOUND = "NOT_FOUND", "its document is not found by it"
        NOT_ANSWERED = "NOT_ANSWERED", "its document does not answer it"
        ANSWERED = "ANSWERED", "answered, though it should not be"
        DUPLICATE = "DUPLICATE", "says the same as another"
        BOTH_SIDES = "BOTH_SIDES", "its documents are in different splits"

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="questions")
    task = models.ForeignKey(GenerationTask, on_delete=models.CASCADE, related_name="questions")
    question = models.TextField()
    expected_answer = models.TextField(blank=True, default="")
    style = models.CharField(max_length=60, blank=True, default="", help_text="Who asked, or which template.")
    spans = models.JSONField(default=list, help_text="Where the answer stands: [[document id, start, end]].")
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.WAITING)
    reason = models.CharField(max_length=300, blank=True, default="", help_text="Why it was dropped, in words.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_generated_outcome",
                condition=Q(
                    outcome__in=[
                        "WAITING", "KEPT", "NO_QUESTION", "COPIED", "NOT_FOUND", "NOT_ANSWERED", "ANSWERED",
                        "DUPLICATE", "BOTH_SIDES",
                    ]
                ),
            ),
        ]  # fmt: skip
        indexes = [
            # what was dropped and why, of one order
            models.Index(fields=["generation", "outcome"], name="monitoring_generated_outcomes"),
        ]

    def __str__(self) -> str:
        return self.question[:80]
