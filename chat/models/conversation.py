"""A conversation is a user's chat session: a list of turns."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.urls import reverse

from chat.models.knowledge import Collection
from chat.models.pipeline import PipelineConfig
from chat.models.typed_words import word_query, word_vector, word_vector_by_row


class Origin(models.TextChoices):
    """Where a turn came from; never mixed in one figure."""

    USER = "USER"
    API = "API"
    EVALUATION = "EVALUATION"
    SYNTHETIC = "SYNTHETIC"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: Any) -> "ConversationQuerySet":
        """The only door to a conversation: its owner's, not deleted."""
        if isinstance(user, AnonymousUser) or user.pk is None:
            return self.none()
        return self.filter(user=user, deleted_at__isnull=True)

    def import_sources(self) -> list[str]:
        """Where conversations were imported from, by name. A query for each, of a partial index."""
        sources: list[str] = []
        while len(sources) < 100:
            later = self.filter(import_source__gt=sources[-1] if sources else "").order_by("import_source")
            found = later.values_list("import_source", flat=True).first()
            if found is None:
                break
            sources.append(found)
        return sources

    def matching(self, words: str) -> "ConversationQuerySet":
        """Those whose title, or a question or answer of them, holds `words` (any case)."""
        words = words.strip()
        if not words:
            return self
        in_turn = Q(turns__is_current=True) & (Q(turns__question__icontains=words) | Q(turns__answer__icontains=words))
        return self.filter(pk__in=self.filter(Q(title__icontains=words) | in_turn).values("pk"))

    def titled(self, typed: str, *, by_index: bool = True) -> "ConversationQuerySet":
        """Those whose title has all the words typed, each whole or as a word's beginning. An index serves it, unless
        the words are so common that reading in another order finds them sooner."""
        query, vector = word_query(typed), word_vector if by_index else word_vector_by_row
        return self.alias(title_words=vector("title")).filter(title_words=query) if query else self.none()

    def recent_first(self) -> "ConversationQuerySet":
        """Last used first."""
        return self.order_by("-updated_at", "pk")


class Conversation(models.Model):
    """A chat session. Deleting one removes its texts and hides it; numbers (tokens, cost, times) stay."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=200, blank=True, default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="conversations",
        help_text="Empty: not asked by a person who signed in, or that person's account is gone.",
    )
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.USER)
    collection = models.ForeignKey(
        Collection,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: all collections are searched.",
    )
    config = models.ForeignKey(
        PipelineConfig,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Empty: the default config, or what an experiment assigns.",
    )
    search_mode = models.CharField(
        max_length=10, blank=True, default="", help_text="The user's choice; empty: the config's."
    )
    model = models.CharField(
        max_length=200, blank=True, default="", help_text="The user's choice; empty: the config's."
    )
    import_source = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="Where it was imported from. Empty: it was held here.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True, help_text="When it was last asked or renamed.")
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="chat_conversation_origin",
                condition=Q(origin__in=["USER", "API", "EVALUATION", "SYNTHETIC"]),
            ),
            models.CheckConstraint(
                name="chat_conversation_mode", condition=Q(search_mode__in=["", "text", "vector", "hybrid"])
            ),
        ]
        indexes = [
            # the list beside the chat: one user's conversations, last used first
            models.Index(
                fields=["user", "-updated_at"],
                condition=Q(deleted_at__isnull=True),
                name="chat_conversation_recent",
            ),
            # whether a config may go; few conversations chose one
            models.Index(fields=["config"], condition=Q(config__isnull=False), name="chat_conversation_config"),
            # the admin's list
            models.Index(fields=["-created_at"], name="chat_conversation_created"),
            # the admin's list of what was imported; most sites imported nothing
            models.Index(
                fields=["import_source", "-created_at"],
                condition=Q(import_source__gt=""),
                name="chat_conversation_imported",
            ),
            # the admin's search
            GinIndex(word_vector("title"), name="chat_conversation_title_words"),
        ]

    def __str__(self) -> str:
        return self.title or f"Conversation {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("chat:conversation", args=[self.pk])
