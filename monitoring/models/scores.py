"""Scores: what judges, code, reviewers and programs said of turns and of whole conversations."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chat.models import Conversation, Turn
from monitoring.models.judging import JudgeRule, JudgeVersion

# Labels of yes-or-no scores that came by the API; their values are 1 and 0.
TRUE, FALSE = "true", "false"


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
