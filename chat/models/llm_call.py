"""A request to a model: its tokens, the price that applied, the cost, and how certain the cost is."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from chat.models.conversation import Origin
from chat.models.turn import Turn
from chat.rag.config import Purpose


class LLMCallQuerySet(models.QuerySet["LLMCall"]):
    """How certain a cost is told from its row: each call is in exactly one of exact, estimated and unknown."""

    def exact(self) -> "LLMCallQuerySet":
        """The price is known, and the server counted the tokens."""
        return self.filter(cost_usd__isnull=False, tokens_estimated=False)

    def estimated(self) -> "LLMCallQuerySet":
        """The price is known, and the tokens were estimated from the text."""
        return self.filter(cost_usd__isnull=False, tokens_estimated=True)

    def unknown(self) -> "LLMCallQuerySet":
        """The price is not known, or nothing was counted, as when a request failed."""
        return self.filter(cost_usd__isnull=True)


class LLMCall(models.Model):
    """One request to a model, failed ones too. Prices are copied in; unknown cost is null."""

    class CallPurpose(models.TextChoices):
        ANSWER = Purpose.ANSWER.value, "answer"
        REWRITE = Purpose.REWRITE.value, "rewrite"
        RERANK = Purpose.RERANK.value, "rerank"
        JUDGE = Purpose.JUDGE.value, "judge"
        QUESTION = Purpose.QUESTION.value, "question"
        EMBEDDING = Purpose.EMBEDDING.value, "embedding"

    class Certainty(models.TextChoices):
        EXACT = "exact"
        ESTIMATED = "estimated"
        UNKNOWN = "unknown"

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, null=True, blank=True, related_name="calls")
    origin = models.CharField(  # noqa: DJ001 # no text but a reference in short: null says "that of the turn"
        max_length=10,
        choices=Origin,
        null=True,
        blank=True,
        help_text="What the call was made for. Empty: what its turn was asked for.",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Whose budget it counts for, of a call without a turn. Empty: that of everything alone.",
    )
    purpose = models.CharField(max_length=10, choices=CallPurpose)
    model = models.CharField(max_length=200, help_text='"provider/model" as asked for.')
    response_model = models.CharField(max_length=200, blank=True, default="", help_text="As the server named it.")
    prompt_name = models.CharField(max_length=60, blank=True, default="")
    prompt_sha256 = models.CharField(max_length=64, blank=True, default="")
    input_tokens = models.PositiveIntegerField(null=True)
    cached_input_tokens = models.PositiveIntegerField(null=True, help_text="Part of the input tokens.")
    output_tokens = models.PositiveIntegerField(null=True)
    reasoning_tokens = models.PositiveIntegerField(
        null=True, help_text="Thoughts: part of the output tokens. Empty: not counted."
    )
    tokens_estimated = models.BooleanField(default=False, help_text="The server did not count them.")
    input_usd_per_million = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    output_usd_per_million = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    cached_input_usd_per_million = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, help_text="Empty: unknown.")
    duration_seconds = models.FloatField()
    first_token_seconds = models.FloatField(null=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    finish_reason = models.CharField(max_length=40, blank=True, default="")
    request_id = models.CharField(max_length=200, blank=True, default="")
    response_id = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="As the server named what it wrote."
    )
    error_code = models.CharField(max_length=40, blank=True, default="")
    # With a default of the database: made-up traffic is copied in without it.
    is_imported = models.BooleanField(
        default=False, db_default=False, help_text="It was made and paid elsewhere: no budget counts it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LLMCallQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="chat_llmcall_purpose", condition=Q(purpose__in=[purpose.value for purpose in Purpose])
            ),
            models.CheckConstraint(
                name="chat_llmcall_cached",
                condition=Q(cached_input_tokens__isnull=True) | Q(cached_input_tokens__lte=F("input_tokens")),
            ),
            models.CheckConstraint(
                name="chat_llmcall_reasoning",
                condition=Q(reasoning_tokens__isnull=True) | Q(reasoning_tokens__lte=F("output_tokens")),
            ),
            models.CheckConstraint(
                name="chat_llmcall_origin",
                condition=Q(origin__isnull=True) | Q(origin__in=["USER", "API", "EVALUATION", "SYNTHETIC"]),
            ),
            models.CheckConstraint(
                name="chat_llmcall_has_origin", condition=Q(turn__isnull=False) | Q(origin__isnull=False)
            ),
        ]
        indexes = [
            # cost by time
            models.Index(fields=["-created_at"], name="chat_llmcall_created"),
            # those of an account that is deleted; few calls name one
            models.Index(fields=["user"], condition=Q(user__isnull=False), name="chat_llmcall_user"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.model}"

    @property
    def certainty(self) -> Certainty:
        """How certain its cost is: see LLMCallQuerySet."""
        if self.cost_usd is None:
            return self.Certainty.UNKNOWN
        return self.Certainty.ESTIMATED if self.tokens_estimated else self.Certainty.EXACT
