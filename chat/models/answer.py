"""A turn: one question and its answer, with hits and LLM calls, the time of each stage and the cost. A failed turn is
a turn too. What a turn used is copied into its rows, so that documents and prices may change later."""

from typing import Any

from django.apps import apps
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models
from django.db.models import F, Prefetch, Q
from django.urls import reverse

from chat.models.conversation import Conversation, Origin
from chat.models.knowledge import Chunk, Collection, Document
from chat.models.pipeline import PipelineConfig
from chat.models.typed_words import word_query, word_vector, word_vector_by_row
from chat.rag.config import Purpose

# The models that turns have, one look into the index for each instead of one at every turn.
MODEL_NAMES_SQL = """
WITH RECURSIVE names (name) AS (
    (SELECT model FROM chat_turn ORDER BY model LIMIT 1)
    UNION ALL
    SELECT (SELECT model FROM chat_turn WHERE model > names.name ORDER BY model LIMIT 1)
      FROM names
     WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL LIMIT 200
"""


class TurnQuerySet(models.QuerySet["Turn"]):
    def visible_to(self, user: Any) -> "TurnQuerySet":
        """The only door to a turn: its conversation is visible to the user."""
        return self.filter(conversation__in=Conversation.objects.visible_to(user))

    def current(self) -> "TurnQuerySet":
        """The transcript: without answers that a regenerate or an edit replaced."""
        return self.filter(is_current=True)

    def unfinished(self) -> "TurnQuerySet":
        return self.filter(status__in=[Turn.Status.PENDING, Turn.Status.STREAMING])

    def asking(self, typed: str, *, by_index: bool = True) -> "TurnQuerySet":
        """Those whose question has all the words typed, each whole or as a word's beginning. An index serves it, unless
        the words are so common that reading in another order finds them sooner."""
        query, vector = word_query(typed), word_vector if by_index else word_vector_by_row
        return self.alias(question_words=vector("question")).filter(question_words=query) if query else self.none()

    def model_names(self) -> list[str]:
        """The models of all turns, whatever this queryset holds. One query, quick with millions of turns."""
        with connection.cursor() as cursor:
            cursor.execute(MODEL_NAMES_SQL)
            return [name for (name,) in cursor.fetchall()]

    def for_page(self, user: Any) -> "TurnQuerySet":
        """What a transcript shows: hits, and the user's own feedback as `own_feedback` (a list of one or none)."""
        feedback = apps.get_model("chat", "Feedback")._default_manager
        return (
            self.select_related("conversation", "config")
            .prefetch_related(
                "hits",
                Prefetch("feedback", feedback.filter(user_id=user.pk), to_attr="own_feedback"),
            )
            .order_by("position", "pk")
        )


class Turn(models.Model):
    """One question and its answer."""

    class Status(models.TextChoices):
        PENDING = "PENDING"  # asked; nobody answers yet
        STREAMING = "STREAMING"  # a web process is answering; `heartbeat_at` says that it lives
        DONE = "DONE"
        STOPPED = "STOPPED"  # by the user; the text so far is kept
        FAILED = "FAILED"
        INTERRUPTED = "INTERRUPTED"  # the process that answered died

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    position = models.PositiveIntegerField(help_text="1 for the first question of the conversation.")
    is_current = models.BooleanField(
        default=True, help_text="False: a regenerated answer or an edited question took its place."
    )
    replaces = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by")
    question = models.TextField()
    answer = models.TextField(blank=True, default="", help_text="While streaming: the text so far.")
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.USER)

    # Without indexes of their own: those by time begin with the same column.
    config = models.ForeignKey(PipelineConfig, on_delete=models.PROTECT, related_name="turns", db_index=False)
    collection = models.ForeignKey(
        Collection, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    search_mode = models.CharField(max_length=10, help_text="As used: the user's choice or the config's.")
    model = models.CharField(max_length=200, help_text="As asked for: the user's choice or the config's.")
    prompt_name = models.CharField(max_length=60, blank=True, default="")
    prompt_sha256 = models.CharField(max_length=64, blank=True, default="")
    search_query = models.TextField(
        blank=True, default="", help_text="What was searched: the question, or its rewrite."
    )

    nothing_found = models.BooleanField(
        null=True, help_text="The answer says that nothing relevant was found. Empty: not finished."
    )
    removed_citations = models.PositiveIntegerField(null=True, help_text="Citations of hits that do not exist.")
    # Of its hits, which may be forgotten before the numbers are.
    hit_count = models.PositiveSmallIntegerField(null=True, help_text="Empty: it was not searched.")
    cited_count = models.PositiveSmallIntegerField(null=True, help_text="Hits that the answer cites.")
    top_similarity = models.FloatField(
        null=True, help_text="Cosine of the most similar hit, -1 to 1. Empty: not computed, or no hit."
    )
    degraded = models.CharField(
        max_length=300, blank=True, default="", help_text="What was left out or replaced on the way."
    )
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_message = models.TextField(blank=True, default="")

    rewrite_seconds = models.FloatField(null=True, blank=True)
    expand_seconds = models.FloatField(null=True, blank=True, help_text="Writing further phrasings.")
    embed_seconds = models.FloatField(null=True, blank=True)
    search_seconds = models.FloatField(null=True, blank=True)
    rerank_seconds = models.FloatField(null=True, blank=True)
    context_seconds = models.FloatField(null=True, blank=True, help_text="Reading the text around the hits.")
    first_token_seconds = models.FloatField(null=True, blank=True, help_text="From the question to the first token.")
    total_seconds = models.FloatField(null=True, blank=True)
    cost_usd = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, blank=True, help_text="Of all its calls. Empty: unknown."
    )

    stop_requested_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TurnQuerySet.as_manager()

    class Meta:
        ordering = ["conversation", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "position"], condition=Q(is_current=True), name="chat_turn_one_current"
            ),
            models.CheckConstraint(
                name="chat_turn_status",
                condition=Q(status__in=["PENDING", "STREAMING", "DONE", "STOPPED", "FAILED", "INTERRUPTED"]),
            ),
            models.CheckConstraint(
                name="chat_turn_origin", condition=Q(origin__in=["USER", "API", "EVALUATION", "SYNTHETIC"])
            ),
            models.CheckConstraint(
                name="chat_turn_search_mode", condition=Q(search_mode__in=["text", "vector", "hybrid"])
            ),
        ]
        indexes = [
            # the sweep for answers whose process died; not on heartbeat_at, so that each beat is a cheap (HOT) update
            models.Index(fields=["id"], condition=Q(status__in=["PENDING", "STREAMING"]), name="chat_turn_unfinished"),
            # the admin's list and figures by time
            models.Index(fields=["-created_at"], name="chat_turn_created"),
            # the admin's list of an origin, a config, a collection, a model; and which models there are
            models.Index(fields=["origin", "-created_at"], name="chat_turn_by_origin"),
            models.Index(fields=["config", "-created_at"], name="chat_turn_by_config"),
            models.Index(fields=["collection", "-created_at"], name="chat_turn_by_collection"),
            models.Index(fields=["model", "-created_at"], name="chat_turn_by_model"),
            # the admin's lists of what is rare, and small therefore: failed, refused, without a hit
            models.Index(
                fields=["-created_at"], condition=Q(status__in=["FAILED", "INTERRUPTED"]), name="chat_turn_failed"
            ),
            models.Index(fields=["-created_at"], condition=Q(nothing_found=True), name="chat_turn_refused"),
            models.Index(fields=["-created_at"], condition=Q(hit_count=0), name="chat_turn_no_hit"),
            # the admin's search; of the question alone, which does not change while an answer grows
            GinIndex(word_vector("question"), name="chat_turn_question_words"),
            # answers to be judged, by time
            models.Index(fields=["finished_at"], condition=Q(status="DONE"), name="chat_turn_finished"),
        ]

    def __str__(self) -> str:
        return f"Turn {self.pk}"

    def get_absolute_url(self) -> str:
        return f"{reverse('chat:conversation', args=[self.conversation_id])}#turn-{self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.status not in (self.Status.PENDING, self.Status.STREAMING)

    @property
    def may_retry(self) -> bool:
        """A failed or interrupted answer offers Retry."""
        return self.status in (self.Status.FAILED, self.Status.INTERRUPTED)


class Hit(models.Model):
    """A retrieved chunk with its rank and scores for one question, as it was at that time."""

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="hits")
    rank = models.PositiveSmallIntegerField(help_text="1 is best; the number of its citation.")
    search_rank = models.PositiveSmallIntegerField(
        null=True, help_text="Rank by the search alone. Empty: the hits were not re-ranked."
    )
    chunk = models.ForeignKey(Chunk, on_delete=models.SET_NULL, null=True, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, related_name="+")
    document_title = models.CharField(max_length=500)
    heading_path = models.CharField(max_length=1000, blank=True, default="")
    text = models.TextField()
    score = models.FloatField()
    text_rank = models.PositiveIntegerField(null=True, help_text="Empty: text search did not find it.")
    text_score = models.FloatField(null=True)
    vector_rank = models.PositiveIntegerField(null=True, help_text="Empty: vector search did not find it.")
    similarity = models.FloatField(null=True, help_text="Cosine, -1 to 1. Empty: not computed.")
    is_cited = models.BooleanField(default=False)

    class Meta:
        ordering = ["rank"]
        constraints = [models.UniqueConstraint(fields=["turn", "rank"], name="chat_hit_rank")]

    def __str__(self) -> str:
        return f"[{self.rank}] {self.document_title}"


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
    error_code = models.CharField(max_length=40, blank=True, default="")
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
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.model}"

    @property
    def certainty(self) -> Certainty:
        """How certain its cost is: see LLMCallQuerySet."""
        if self.cost_usd is None:
            return self.Certainty.UNKNOWN
        return self.Certainty.ESTIMATED if self.tokens_estimated else self.Certainty.EXACT
