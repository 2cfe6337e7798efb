"""Doubtful turns before a person: flags say why, the queue says who and when, a review is what was decided.

Turns of one conversation are reviewed together: one item of the queue is a conversation. The labels that a reviewer
gives are scores with source REVIEWER, so that judges and people are compared by the same names.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation, PipelineConfig, Turn
from monitoring.models.datasets import DatasetItem
from monitoring.models.scores import Score


class Flag(models.Model):
    """One reason why a turn needs a person; once for each turn and reason."""

    class Reason(models.TextChoices):
        THUMBS_DOWN = "THUMBS_DOWN", "thumbs down"
        ERROR = "ERROR", "model error"
        TOXIC = "TOXIC", "toxic"
        NOT_GROUNDED = "NOT_GROUNDED", "not grounded"
        NOT_RELEVANT = "NOT_RELEVANT", "not relevant"
        DISAGREEMENT = "DISAGREEMENT", "judge and user disagree"
        WRONG_CITATION = "WRONG_CITATION", "wrong citation"
        SLOW = "SLOW", "slow"
        SAMPLE = "SAMPLE", "random sample"

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="flags")
    reason = models.CharField(max_length=20, choices=Reason)
    detail = models.CharField(max_length=300, blank=True, default="")
    score = models.ForeignKey(Score, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    is_advisory = models.BooleanField(
        default=False, help_text="Raised by a judge that is not proven: it may sort the queue, not open an item."
    )
    weight = models.FloatField(
        default=1.0, help_text="How many turns it stands for: 1 / rate of the random sample, 1 otherwise."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="When a review of it was finished. Empty: it still waits for one."
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["turn", "reason"], name="monitoring_flag_once"),
            models.CheckConstraint(name="monitoring_flag_weight", condition=Q(weight__gte=1)),
            models.CheckConstraint(
                name="monitoring_flag_reason",
                condition=Q(
                    reason__in=[
                        "THUMBS_DOWN",
                        "ERROR",
                        "TOXIC",
                        "NOT_GROUNDED",
                        "NOT_RELEVANT",
                        "DISAGREEMENT",
                        "WRONG_CITATION",
                        "SLOW",
                        "SAMPLE",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} on turn {self.turn_id}"


class ReviewItemQuerySet(models.QuerySet["ReviewItem"]):
    def readable(self) -> "ReviewItemQuerySet":
        """Those whose conversation was not deleted by its user."""
        return self.filter(conversation__deleted_at__isnull=True)

    def waiting(self) -> "ReviewItemQuerySet":
        """Those that want a review yet."""
        return self.readable().filter(status__in=[ReviewItem.Status.OPEN, ReviewItem.Status.IN_REVIEW])

    def free_for(self, user: Any) -> "ReviewItemQuerySet":
        """Those that this reviewer may take up: not decided by them, and not reserved or decided by as many others as
        are wanted. The first is the next."""
        reviews = Review.objects.filter(item=models.OuterRef("pk"), round=models.OuterRef("round"))
        others = reviews.exclude(reviewer=user.pk).filter(
            Q(decided_at__isnull=False) | Q(reserved_until__gt=timezone.now())
        )
        counted = others.order_by().values("item").annotate(number=models.Count("pk")).values("number")
        return (
            self.waiting()
            .alias(taken=Coalesce(models.Subquery(counted, output_field=models.IntegerField()), models.Value(0)))
            .filter(~models.Exists(reviews.filter(reviewer=user.pk, decided_at__isnull=False)))
            .filter(taken__lt=models.F("reviews_wanted"))
            .order_by("-priority", "opened_at", "pk")
        )

    def for_list(self) -> "ReviewItemQuerySet":
        """With `excerpt`, the question of the first flag that waits (or else of the first), and the reviews."""
        flags = Flag.objects.filter(turn__conversation=models.OuterRef("conversation"))
        first = flags.order_by(models.F("settled_at").desc(nulls_first=True), "pk").values("turn__question")[:1]
        reviews = models.Prefetch("reviews", Review.objects.select_related("reviewer"))
        return self.readable().annotate(excerpt=models.Subquery(first)).prefetch_related(reviews)


class ReviewItem(models.Model):
    """A conversation in the review queue."""

    class Status(models.TextChoices):
        OPEN = "OPEN", "open"
        IN_REVIEW = "IN_REVIEW", "in review"  # reserved, or one of two reviewers has decided
        RESOLVED = "RESOLVED", "resolved"
        DISMISSED = "DISMISSED", "dismissed"

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="review_item")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    priority = models.FloatField(default=0.0, help_text="Larger comes first.")
    reviews_wanted = models.PositiveSmallIntegerField(default=1, help_text="2: two reviewers, blind to each other.")
    round = models.PositiveIntegerField(default=1, help_text="One more each time it is flagged after it was finished.")
    opened_at = models.DateTimeField(help_text="When the first flag came, again when flagged after it was resolved.")
    resolved_at = models.DateTimeField(null=True, blank=True, help_text="When the last review that was wanted came.")

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "opened_at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_reviewitem_status",
                condition=Q(status__in=["OPEN", "IN_REVIEW", "RESOLVED", "DISMISSED"]),
            ),
            models.CheckConstraint(
                name="monitoring_reviewitem_wanted", condition=Q(reviews_wanted__gte=1, reviews_wanted__lte=2)
            ),
        ]
        indexes = [
            # the queue
            models.Index(
                fields=["-priority", "opened_at"],
                condition=Q(status__in=["OPEN", "IN_REVIEW"]),
                name="monitoring_reviewitem_queue",
            ),
        ]

    def __str__(self) -> str:
        return f"Review of conversation {self.conversation_id}"

    def get_absolute_url(self) -> str:
        return reverse("admin:monitoring_reviewitem_review", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in (self.Status.RESOLVED, self.Status.DISMISSED)


class Review(models.Model):
    """One reviewer's work on an item: reserved for a time, then decided. The labels are scores with source REVIEWER."""

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    round = models.PositiveIntegerField(
        default=1, help_text="Of its item; one who reviews again writes another review."
    )
    reserved_until = models.DateTimeField(null=True, blank=True, help_text="Empty: decided.")
    note = models.TextField(blank=True, default="")
    is_dismissed = models.BooleanField(default=False, help_text="Nothing to see: flagged for no reason.")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer", "round"], name="monitoring_review_once"),
            models.CheckConstraint(
                name="monitoring_review_state",
                condition=Q(reserved_until__isnull=False, decided_at__isnull=True)
                | Q(reserved_until__isnull=True, decided_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Review {self.pk}"

    @property
    def is_held(self) -> bool:
        """Whether its reviewer is at work on it and the reservation has not run out."""
        return self.reserved_until is not None and self.reserved_until > timezone.now()


class CorrectedAnswer(models.Model):
    """What a turn should have answered, as a reviewer wrote it."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="corrections")
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="corrections")
    text = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "turn"], name="monitoring_correction_once"),
        ]

    def __str__(self) -> str:
        return f"Corrected answer of turn {self.turn_id}"


class Replay(models.Model):
    """An item of a dataset put through a config again: is what was wrong fixed?"""

    class Outcome(models.TextChoices):
        RUNNING = "RUNNING", "running"
        FIXED = "FIXED", "fixed"  # green
        STILL_WRONG = "STILL_WRONG", "still wrong"  # red
        UNKNOWN = "UNKNOWN", "unknown"  # it failed, or nothing could tell; `reason` says which

    item = models.ForeignKey(DatasetItem, on_delete=models.CASCADE, related_name="replays")
    config = models.ForeignKey(PipelineConfig, on_delete=models.PROTECT, related_name="+")
    turn = models.ForeignKey(
        Turn, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="The new answer."
    )
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.RUNNING)
    reason = models.CharField(max_length=500, blank=True, default="", help_text="How it was decided, in words.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_replay_outcome",
                condition=Q(outcome__in=["RUNNING", "FIXED", "STILL_WRONG", "UNKNOWN"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Replay of item {self.item_id} by {self.config}"
