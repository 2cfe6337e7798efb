"""A turn: one question and its answer, with the time of each stage and the cost. A failed turn is a turn too. What a
turn used is copied into its rows and those of its hits and calls, so that documents and prices may change later."""

from typing import Any

from django.apps import apps
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models
from django.db.models import Prefetch, Q
from django.urls import reverse

from chat.models.conversation import Conversation, Origin
from chat.models.knowledge import Collection
from chat.models.pipeline import PipelineConfig
from chat.models.typed_words import word_query, word_vector, word_vector_by_row

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
    replaces = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by", db_index=False
    )
    question = models.TextField()
    answer = models.TextField(blank=True, default="", help_text="While streaming: the text so far.")
    given_history = models.JSONField(
        null=True,
        blank=True,
        help_text="What was said before, as the client sent it: pairs of question and answer, the last ones. Empty: the"
        " conversation's own.",
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.USER)

    # Without indexes of their own: those by time begin with the same column.
    config = models.ForeignKey(PipelineConfig, on_delete=models.PROTECT, related_name="turns", db_index=False)
    collection = models.ForeignKey(
        Collection, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    search_mode = models.CharField(
        max_length=10,
        blank=True,
        help_text="As used: the user's choice or the config's. Empty: unknown, of an answer that another system gave.",
    )
    model = models.CharField(max_length=200, help_text="As asked for: the user's choice or the config's.")
    prompt_name = models.CharField(max_length=60, blank=True, default="")
    prompt_sha256 = models.CharField(max_length=64, blank=True, default="")
    traceparent = models.CharField(
        max_length=55,
        blank=True,
        default="",
        db_default="",
        help_text="The trace that the request was part of, as W3C's header says it. Empty: of none.",
    )
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

    import_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="What it was called where it was imported from. Empty: it was asked here.",
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
                name="chat_turn_search_mode",
                condition=Q(search_mode__in=["text", "vector", "hybrid"]) | Q(search_mode="", import_key__gt=""),
            ),
            # imported again, nothing is added
            models.UniqueConstraint(
                fields=["conversation", "import_key"], condition=Q(import_key__gt=""), name="chat_turn_import_once"
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
            # the admin's lists of what is rare, and small therefore: failed, refused, without a hit, stopped, replaced,
            # finished at a cost that nobody knows, imported
            models.Index(
                fields=["-created_at"], condition=Q(status__in=["FAILED", "INTERRUPTED"]), name="chat_turn_failed"
            ),
            models.Index(fields=["-created_at"], condition=Q(nothing_found=True), name="chat_turn_refused"),
            models.Index(fields=["-created_at"], condition=Q(hit_count=0), name="chat_turn_no_hit"),
            models.Index(fields=["-created_at"], condition=Q(status="STOPPED"), name="chat_turn_stopped"),
            models.Index(fields=["-created_at"], condition=Q(is_current=False), name="chat_turn_replaced"),
            models.Index(
                fields=["-created_at"],
                condition=Q(cost_usd__isnull=True, finished_at__isnull=False),
                name="chat_turn_unknown_cost",
            ),
            models.Index(fields=["-created_at"], condition=Q(import_key__gt=""), name="chat_turn_imported"),
            # the admin's search; of the question alone, which does not change while an answer grows
            GinIndex(word_vector("question"), name="chat_turn_question_words"),
            # the answer that took the place of another; few did
            models.Index(fields=["replaces"], condition=Q(replaces__isnull=False), name="chat_turn_replaces"),
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
