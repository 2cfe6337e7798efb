"""A turn as the API shows it: the whole of it, and as a row of a list."""

from datetime import timedelta
from typing import Any

from django.db.models import (
    DateTimeField,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat.models import Feedback, Hit, LLMCall, Turn

VOTE = serializers.IntegerField(allow_null=True, help_text="Yours: 1 is thumbs up, -1 thumbs down. Empty: none.")


class HitSerializer(serializers.ModelSerializer[Hit]):
    """A chunk that was found for a question, as it was at that time."""

    document = serializers.IntegerField(source="document_id", allow_null=True, help_text="Empty: the document is gone.")
    chunk = serializers.IntegerField(source="chunk_id", allow_null=True, help_text="Empty: the chunk is gone.")

    class Meta:
        model = Hit
        fields = [
            "rank",
            "is_cited",
            "document",
            "chunk",
            "document_title",
            "heading_path",
            "text",
            "score",
            "text_rank",
            "text_score",
            "vector_rank",
            "similarity",
            "search_rank",
        ]


class CallSerializer(serializers.ModelSerializer[LLMCall]):
    """A request to a model."""

    certainty = serializers.ChoiceField(
        LLMCall.Certainty.choices, help_text="How far the cost is known: the tokens may be estimated, or nothing is."
    )

    class Meta:
        model = LLMCall
        fields = [
            "purpose",
            "model",
            "response_model",
            "input_tokens",
            "cached_input_tokens",
            "output_tokens",
            "reasoning_tokens",
            "cost_usd",
            "certainty",
            "duration_seconds",
            "first_token_seconds",
            "attempts",
            "finish_reason",
            "error_code",
        ]


class FeedbackSerializer(serializers.ModelSerializer[Feedback]):
    """A user's vote on a turn."""

    class Meta:
        model = Feedback
        fields = ["value", "reasons", "comment", "created_at", "updated_at"]


class NumbersSerializer(serializers.ModelSerializer[Turn]):
    """How a turn was made, and what it took."""

    config = serializers.IntegerField(source="config_id")
    config_name = serializers.CharField(source="config", help_text="With its version.")
    calls = CallSerializer(many=True)

    class Meta:
        model = Turn
        fields = [
            "config",
            "config_name",
            "prompt_name",
            "cost_usd",
            "rewrite_seconds",
            "expand_seconds",
            "embed_seconds",
            "search_seconds",
            "rerank_seconds",
            "context_seconds",
            "calls",
        ]


class TurnFieldsSerializer(serializers.ModelSerializer[Turn]):
    """What a turn and a row of turns have in common."""

    conversation = serializers.UUIDField(source="conversation_id")
    collection = serializers.IntegerField(
        source="collection_id", allow_null=True, help_text="Empty: all collections were searched."
    )
    replaces = serializers.IntegerField(
        source="replaces_id", allow_null=True, help_text="The turn in whose place this one stands."
    )

    class Meta:
        model = Turn
        fields = [
            "id",
            "conversation",
            "position",
            "is_current",
            "replaces",
            "question",
            "answer",
            "status",
            "origin",
            "collection",
            "search_mode",
            "model",
            "search_query",
            "nothing_found",
            "degraded",
            "error_code",
            "error_message",
            "hit_count",
            "cited_count",
            "top_similarity",
            "first_token_seconds",
            "total_seconds",
            "created_at",
            "finished_at",
        ]


class TurnRowSerializer(TurnFieldsSerializer):
    """A question with its answer, as lists have it."""

    vote = VOTE

    class Meta(TurnFieldsSerializer.Meta):
        fields = [*TurnFieldsSerializer.Meta.fields, "vote"]


class TurnSerializer(TurnFieldsSerializer):
    """The whole of a turn, of Turn.objects.for_page."""

    vote = serializers.SerializerMethodField()
    feedback = serializers.SerializerMethodField()
    hits = HitSerializer(many=True)
    numbers = serializers.SerializerMethodField()

    class Meta(TurnFieldsSerializer.Meta):
        fields = [*TurnFieldsSerializer.Meta.fields, "vote", "feedback", "hits", "numbers"]

    @extend_schema_field(VOTE)
    def get_vote(self, turn: Any) -> int | None:
        return next((feedback.value for feedback in turn.own_feedback), None)

    @extend_schema_field(FeedbackSerializer(allow_null=True, help_text="Yours. Empty: none."))
    def get_feedback(self, turn: Any) -> Any:
        own = next(iter(turn.own_feedback), None)
        return own and FeedbackSerializer(own).data

    @extend_schema_field(NumbersSerializer(allow_null=True, help_text="For administrators. Empty: you are none."))
    def get_numbers(self, turn: Any) -> Any:
        return NumbersSerializer(turn).data if self.context["with_numbers"] else None


def whole_turns(user: Any) -> QuerySet[Turn]:
    """Return the user's turns with all that is shown of one. Four queries, five for administrators."""
    turns = Turn.objects.visible_to(user).for_page(user)
    return turns.prefetch_related("calls") if user.is_staff else turns


def shown(turns: Any, user: Any, **options: Any) -> Any:
    """Return the data of one turn, or of many (`many=True`), of `whole_turns`."""
    return TurnSerializer(turns, context={"with_numbers": user.is_staff}, **options).data


def turn_rows(user: Any) -> QuerySet[Turn]:
    """Return the user's turns for a list, with the user's own vote. One query. The list is in the order of `asked_at`,
    which is `created_at`: in the order of the column itself PostgreSQL would go through everybody's turns by its index
    until it has met enough of this user's."""
    vote = Feedback.objects.filter(turn=OuterRef("pk"), user=user.pk).values("value")
    asked_at = ExpressionWrapper(F("created_at") + Value(timedelta()), output_field=DateTimeField())
    return Turn.objects.visible_to(user).annotate(vote=Subquery(vote, output_field=IntegerField()), asked_at=asked_at)
