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

from chat.models import Collection, Conversation, PipelineConfig, Turn
from chat.models.conversation import Origin

# Labels of yes-or-no scores that came by the API; their values are 1 and 0.
TRUE, FALSE = "true", "false"


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


class ScoreQuerySet(models.QuerySet["Score"]):
    def valued(self) -> "ScoreQuerySet":
        """Those with a value: unscored is not zero."""
        return self.filter(value__isnull=False)

    def by_judges(self) -> "ScoreQuerySet":
        return self.filter(source=Score.Source.JUDGE)

    def by_reviewers(self) -> "ScoreQuerySet":
        return self.filter(source=Score.Source.REVIEWER)

    def by_programs(self) -> "ScoreQuerySet":
        """Those that came by the API. No figure of judges or reviewers has them."""
        return self.filter(source=Score.Source.API)


class Score(models.Model):
    """What somebody or something said of a turn or of a conversation: a value, or the reason why there is none."""

    class Source(models.TextChoices):
        JUDGE = "JUDGE", "judge"
        CODE = "CODE", "code"
        REVIEWER = "REVIEWER", "reviewer"
        API = "API", "API"

    class Annotator(models.TextChoices):
        """Of what came by the API, as the program that sent it says."""

        HUMAN = "HUMAN", "a person"
        LLM = "LLM", "a language model"
        CODE = "CODE", "a program"

    turn = models.ForeignKey(
        Turn,
        on_delete=models.CASCADE,
        related_name="scores",
        help_text="Of a verdict on a whole conversation: its last turn at that time.",
    )
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="scores",
        db_index=False,
        help_text="Set where the whole conversation was judged.",
    )
    name = models.CharField(max_length=60, help_text='The criterion, such as "groundedness".')
    source = models.CharField(max_length=10, choices=Source)
    value = models.FloatField(
        null=True,
        help_text="0 to 1, larger is better. Empty: unscored; `error` says why, or the API sent a label alone.",
    )
    label = models.CharField(max_length=40, blank=True, default="")
    explanation = models.TextField(blank=True, default="")
    details = models.JSONField(default=dict, blank=True, help_text="Such as the claims that no hit supports.")
    error = models.CharField(max_length=500, blank=True, default="")
    judge_version = models.ForeignKey(
        JudgeVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="scores"
    )
    rule = models.ForeignKey(
        JudgeRule, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Whose program sent it by the API.",
    )
    # With defaults of the database: made-up traffic is copied in without them.
    identifier = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="Tells several scores of one name by one author apart.",
    )
    annotator_kind = models.CharField(max_length=5, choices=Annotator, blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(default=1)
    retry_at = models.DateTimeField(null=True, blank=True, help_text="When it is tried again. Empty: not.")
    calls = models.PositiveSmallIntegerField(default=0, help_text="Calls of a model for it, over all attempts.")
    cost_usd = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, blank=True, help_text="Of these calls. Empty: unknown."
    )
    duration_seconds = models.FloatField(null=True, blank=True, help_text="Of the last attempt.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScoreQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                name="monitoring_score_error",
                condition=Q(value__isnull=False, error="")
                | Q(value__isnull=True, error__gt="")
                | Q(value__isnull=True, error="", label__gt="", source="API"),
            ),
            models.CheckConstraint(
                name="monitoring_score_kind",
                condition=Q(source="API", annotator_kind__in=["HUMAN", "LLM", "CODE"])
                | (~Q(source="API") & Q(annotator_kind="", identifier="", author__isnull=True)),
            ),
            models.CheckConstraint(
                name="monitoring_score_range", condition=Q(value__isnull=True) | Q(value__gte=0, value__lte=1)
            ),
            models.CheckConstraint(
                name="monitoring_score_source", condition=Q(source__in=["JUDGE", "CODE", "REVIEWER", "API"])
            ),
            models.CheckConstraint(
                name="monitoring_score_judge", condition=~Q(source="JUDGE") | Q(judge_version__isnull=False)
            ),
            models.CheckConstraint(
                name="monitoring_score_retry", condition=Q(retry_at__isnull=True) | Q(value__isnull=True)
            ),
            # one verdict of a judge version on a turn, ever
            models.UniqueConstraint(
                fields=["turn", "judge_version"], condition=Q(source="JUDGE"), name="monitoring_score_once"
            ),
            models.UniqueConstraint(
                fields=["turn", "reviewer", "name"],
                condition=Q(source="REVIEWER"),
                name="monitoring_score_reviewer_once",
            ),
            # sent again by the same author under the same name, it takes the earlier one's place
            models.UniqueConstraint(
                fields=["turn", "name", "author", "identifier"],
                condition=Q(source="API", conversation__isnull=True),
                name="monitoring_score_program_once",
            ),
            models.UniqueConstraint(
                fields=["conversation", "name", "author", "identifier"],
                condition=Q(source="API", conversation__isnull=False),
                name="monitoring_score_whole_once",
            ),
        ]
        indexes = [
            # scores by time, for figures
            models.Index(fields=["-created_at"], name="monitoring_score_created"),
            # turns behind a failing criterion, and the admin's list of a criterion
            models.Index(fields=["name", "label", "-created_at"], name="monitoring_score_labels"),
            # the admin's lists of what is rare, and small therefore: without a value, said by others than judges
            models.Index(fields=["-created_at"], condition=Q(value__isnull=True), name="monitoring_score_unscored"),
            models.Index(
                fields=["source", "-created_at"], condition=~Q(source="JUDGE"), name="monitoring_score_by_others"
            ),
            # failed verdicts to try again
            models.Index(fields=["retry_at"], condition=Q(retry_at__isnull=False), name="monitoring_score_retry"),
            # what a rule spent today; and the scores of a rule, a reviewer, an author or a conversation that is
            # deleted. Most have none of them, and what is in no index costs nothing to write.
            models.Index(
                fields=["rule", "updated_at"], condition=Q(rule__isnull=False), name="monitoring_score_by_rule"
            ),
            models.Index(fields=["reviewer"], condition=Q(reviewer__isnull=False), name="monitoring_score_by_reviewer"),
            models.Index(fields=["author"], condition=Q(author__isnull=False), name="monitoring_score_by_author"),
            models.Index(
                fields=["conversation"], condition=Q(conversation__isnull=False), name="monitoring_score_of_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.label or self.value}"

    @property
    def boolean(self) -> bool | None:
        """What a yes-or-no score says; None where it is none."""
        if self.source != self.Source.API or self.value not in (0, 1):
            return None
        return {TRUE: True, FALSE: False}.get(self.label)


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
