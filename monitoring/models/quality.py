"""What is known of the judges themselves beside what people say: whether one says the same when it is asked again."""

from django.db import models
from django.db.models import Q

from chat.models import Turn
from monitoring.models.judging import JudgeVersion


class JudgeRepeat(models.Model):
    """A verdict of a judge on a turn that is asked for again, to hold it against the others. No score: nothing is
    flagged by it, and no figure of traffic has it."""

    judge_version = models.ForeignKey(JudgeVersion, on_delete=models.CASCADE, related_name="repeats")
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="+")
    repetition = models.PositiveSmallIntegerField(help_text="1 for the first.")
    value = models.FloatField(null=True, help_text="0 to 1. Empty: no verdict, `error` says why.")
    label = models.CharField(max_length=40, blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["turn", "repetition"]
        constraints = [
            models.UniqueConstraint(fields=["judge_version", "turn", "repetition"], name="monitoring_repeat_once"),
            models.CheckConstraint(
                name="monitoring_repeat_error",
                condition=Q(value__isnull=False, error="") | Q(value__isnull=True, error__gt=""),
            ),
            models.CheckConstraint(
                name="monitoring_repeat_range", condition=Q(value__isnull=True) | Q(value__gte=0, value__lte=1)
            ),
            models.CheckConstraint(name="monitoring_repeat_number", condition=Q(repetition__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.value} on turn {self.turn_id}, repetition {self.repetition}"
