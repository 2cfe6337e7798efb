"""Judges on live traffic: which version of a judge said what of a turn, by which rule, and who is at work on it.

What is due is a function of the data (finished turns that match a rule and fall into its sample, without a verdict of
that judge version), so that a lost nudge, a killed worker or a restart loses nothing; unique scores make a second run
harmless.
"""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from chat.models import Collection, PipelineConfig, Turn
from chat.models.conversation import Origin


class JudgeVersion(models.Model):
    """A judge exactly as it judges: code, prompt, model and settings. Anything else is another version."""

    class Family(models.TextChoices):
        LLM = "llm", "language model"
        OFFLINE = "offline", "no model"

    class Standing(models.TextChoices):
        ADVISORY = "ADVISORY", "advisory"  # not held against enough people yet, or it failed: it may sort the queue
        PROVEN = "PROVEN", "proven"  # it may flag on its own

    judge = models.CharField(max_length=60, help_text='As in the registry of judges, such as "groundedness_offline".')
    criterion = models.CharField(max_length=60, help_text='What it judges, such as "groundedness".')
    version = models.CharField(max_length=40, help_text="As the judge's code or prompt file states it.")
    family = models.CharField(max_length=10, choices=Family)
    model = models.CharField(max_length=200, blank=True, default="", help_text='"provider/model". Empty: no model.')
    prompt_name = models.CharField(max_length=60, blank=True, default="")
    prompt_sha256 = models.CharField(max_length=64, blank=True, default="")
    settings = models.JSONField(default=dict, blank=True)
    fingerprint = models.CharField(max_length=64, unique=True, help_text="SHA-256 of all the above.")
    standing = models.CharField(max_length=10, choices=Standing, default=Standing.ADVISORY)
    standing_checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["judge", "-pk"]
        constraints = [
            models.CheckConstraint(name="monitoring_judgeversion_family", condition=Q(family__in=["llm", "offline"])),
            models.CheckConstraint(
                name="monitoring_judgeversion_standing", condition=Q(standing__in=["ADVISORY", "PROVEN"])
            ),
        ]

    def __str__(self) -> str:
        by = f" by {self.model}" if self.model else ""
        return f"{self.judge} v{self.version}{by} ({self.fingerprint[:7]})"


class JudgeRule(models.Model):
    """Which turns a judge looks at, how many of them, and what it may spend."""

    name = models.CharField(max_length=100, unique=True)
    judge = models.CharField(max_length=60)
    model = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text='"provider/model" that judges. Empty: none is needed.',
    )
    sampling_rate = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of the matching turns that is judged, 0 to 1. A turn is in the sample or not, for good.",
    )
    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: all."
    )
    config = models.ForeignKey(
        PipelineConfig, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: all."
    )
    origin = models.CharField(
        max_length=10, choices=Origin, default=Origin.USER, help_text="Figures of one origin never mix with another's."
    )
    daily_cap_calls = models.PositiveIntegerField(
        null=True, blank=True, help_text="Verdicts a day (UTC) at most. Empty: no cap."
    )
    daily_cap_usd = models.DecimalField(
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Dollars a day (UTC) at most. Empty: no cap.",
    )
    is_active = models.BooleanField(default=True)
    since = models.DateTimeField(
        help_text="Turns that finished before are not judged by this rule on its own; see “judge old traffic”."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["judge", "name"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_rule_rate", condition=Q(sampling_rate__gte=0, sampling_rate__lte=1)
            ),
            models.CheckConstraint(
                name="monitoring_rule_origin", condition=Q(origin__in=["USER", "API", "EVALUATION", "SYNTHETIC"])
            ),
        ]

    def __str__(self) -> str:
        return self.name


class JudgeClaim(models.Model):
    """A worker is judging a turn; when the lease ends it is taken for dead and another may."""

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="+")
    judge_version = models.ForeignKey(JudgeVersion, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(JudgeRule, on_delete=models.CASCADE, related_name="+")
    token = models.UUIDField(help_text="Of the process that judges.")
    starts = models.PositiveSmallIntegerField(default=1, help_text="How often a process took it up.")
    leased_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["turn", "judge_version"], name="monitoring_claim_once"),
        ]

    def __str__(self) -> str:
        return f"claim on turn {self.turn_id}"


class Backfill(models.Model):
    """Old traffic to be judged: a rule put to turns that finished in a range of time, with how far that is."""

    class Status(models.TextChoices):
        RUNNING = "RUNNING", "running"
        DONE = "DONE", "done"
        CANCELLED = "CANCELLED", "cancelled"

    rule = models.ForeignKey(JudgeRule, on_delete=models.CASCADE, related_name="backfills")
    begin = models.DateTimeField()
    end = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    total_turns = models.PositiveIntegerField(default=0, help_text="Due when it was ordered.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="monitoring_backfill_range", condition=Q(end__gt=F("begin"))),
            models.CheckConstraint(
                name="monitoring_backfill_status", condition=Q(status__in=["RUNNING", "DONE", "CANCELLED"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} from {self.begin:%Y-%m-%d} to {self.end:%Y-%m-%d}"
