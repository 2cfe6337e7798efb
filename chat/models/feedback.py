"""What users say of a turn, with words (feedback) and without (implicit signals)."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from chat.models.turn import Turn


class Reason(models.TextChoices):
    """Why an answer was liked or not; chips in the chat."""

    INACCURATE = "INACCURATE", "Inaccurate"
    INCOMPLETE = "INCOMPLETE", "Incomplete"
    NOT_RELEVANT = "NOT_RELEVANT", "Not relevant"
    TOO_LONG = "TOO_LONG", "Too long"
    HARMFUL = "HARMFUL", "Harmful"
    OTHER = "OTHER", "Other"


class Feedback(models.Model):
    """Thumbs up or down of one user on one turn, with reasons and a comment."""

    class Value(models.IntegerChoices):
        UP = 1, "Thumbs up"
        DOWN = -1, "Thumbs down"

    # Without an index of its own: that of one vote a user begins with the turn.
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="feedback", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="feedback")
    value = models.SmallIntegerField(choices=Value)
    reasons = ArrayField(models.CharField(max_length=20, choices=Reason), default=list, blank=True)
    comment = models.TextField(blank=True, default="", max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "feedback"
        ordering = ["-updated_at"]
        constraints = [
            models.UniqueConstraint(fields=["turn", "user"], name="chat_feedback_once"),
            models.CheckConstraint(name="chat_feedback_value", condition=Q(value__in=[1, -1])),
            models.CheckConstraint(
                name="chat_feedback_reasons",
                condition=Q(
                    reasons__contained_by=[
                        "INACCURATE", "INCOMPLETE", "NOT_RELEVANT", "TOO_LONG", "HARMFUL", "OTHER",
                    ]
                ),
            ),
        ]  # fmt: skip
        indexes = [
            # the admin's list
            models.Index(fields=["-updated_at"], name="chat_feedback_updated"),
        ]

    def __str__(self) -> str:
        return f"{self.get_value_display()} on turn {self.turn_id}"


class ImplicitSignal(models.Model):
    """Something a user did with an answer that hints at its worth."""

    class Kind(models.TextChoices):
        COPY = "COPY"
        REGENERATE = "REGENERATE"
        EDIT = "EDIT"
        OPEN_SOURCE = "OPEN_SOURCE"

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="signals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="chat_implicitsignal_kind",
                condition=Q(kind__in=["COPY", "REGENERATE", "EDIT", "OPEN_SOURCE"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on turn {self.turn_id}"
