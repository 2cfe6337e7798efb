"""Turns of everybody, for who watches: what was asked and what became of it, by the filters of the admin's list."""

from typing import Any

from django.db import OperationalError
from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.admin.keyset import is_timeout, time_limit
from chat.api.access import Access
from chat.api.fields import FIELDS
from chat.api.view import ApiView, asked
from chat.models import Turn
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.models.turn import TurnQuerySet
from chat.services.turn_choices import OUTCOMES, VOTES
from monitoring.api.queries import TrafficQuery
from monitoring.experiments.counted_turns import counted_for
from monitoring.exports.choice import failing
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Topic, TopicTurn, Variant

PAGE_SECONDS = 8
FAILING = [criterion.name for criterion in CRITERIA.values() if criterion.failing]


class WatchedTurnSerializer(serializers.ModelSerializer[Turn]):
    """A turn with what was measured of it. Unknown is null, never 0."""

    conversation = serializers.UUIDField(source="conversation_id")
    user = serializers.CharField(
        source="conversation.user.username", default=None, allow_null=True, help_text="Empty: nobody, or gone."
    )
    config = serializers.IntegerField(source="config_id")
    config_name = serializers.CharField(source="config")
    collection = serializers.IntegerField(source="collection_id", allow_null=True, help_text="Empty: all, or gone.")
    replaces = serializers.IntegerField(source="replaces_id", allow_null=True)
    votes = serializers.SerializerMethodField(help_text="1: thumbs up, -1: thumbs down.")

    class Meta:
        model = Turn
        fields = [
            "id",
            "conversation",
            "position",
            "is_current",
            "replaces",
            "user",
            "origin",
            "question",
            "answer",
            "status",
            "config",
            "config_name",
            "collection",
            "model",
            "search_mode",
            "search_query",
            "prompt_name",
            "nothing_found",
            "hit_count",
            "cited_count",
            "removed_citations",
            "top_similarity",
            "degraded",
            "error_code",
            "error_message",
            "rewrite_seconds",
            "expand_seconds",
            "embed_seconds",
            "search_seconds",
            "rerank_seconds",
            "context_seconds",
            "first_token_seconds",
            "total_seconds",
            "cost_usd",
            "votes",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_votes(self, turn: Turn) -> list[int]:
        return [feedback.value for feedback in turn.feedback.all()]


class WatchedTurnsQuery(TrafficQuery):
    """Which turns; times are those at which they were asked."""

    origin = serializers.ChoiceField(Origin.choices, required=False)
    model = serializers.CharField(required=False, help_text="The exact name.")
    outcome = serializers.ChoiceField([(name, words) for name, (words, _) in OUTCOMES.items()], required=False)
    vote = serializers.ChoiceField([(name, words) for name, (words, _) in VOTES.items()], required=False)
    failing = serializers.ChoiceField(FAILING, required=False, help_text="Wrong, as a judge says by this.")
    topic = serializers.IntegerField(required=False, min_value=1)
    variant = serializers.IntegerField(required=False, min_value=1, help_text="Turns that count for it.")

    def validate_topic(self, value: int) -> int:
        if not Topic.objects.filter(pk=value).exists():
            raise ValidationError(f"There is no topic {value}. Older topics go when new ones come.")
        return value

    def validate_variant(self, value: int) -> Variant:
        variant = Variant.objects.select_related("experiment").filter(pk=value).first()
        if variant is None:
            raise ValidationError(f"There is no variant {value} of an experiment.")
        return variant


class WatchedTurns(ApiView):
    """Turns of everybody."""

    access = {"GET": Access(Scope.READ, "chat.view_turn")}

    @extend_schema(
        operation_id="watch_turns", parameters=[WatchedTurnsQuery, FIELDS], responses=WatchedTurnSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List turns, the newest first. Filters mean what the figures count, so these are the turns behind them."""
        turns = found(asked(request, WatchedTurnsQuery)).select_related("conversation__user", "config")
        try:
            with time_limit(PAGE_SECONDS):
                rows = turns.prefetch_related("feedback")
                return self.page(request, rows, WatchedTurnSerializer, ordering="-created_at")
        except OperationalError as error:
            if not is_timeout(error):
                raise
            raise ValidationError(
                f"This would take longer than {PAGE_SECONDS} seconds; choose a range of time, or fewer filters."
            ) from error


def found(wanted: dict[str, Any]) -> TurnQuerySet:
    """Return the turns that a query asks for."""
    conditions = Q()
    for name, value in wanted.items():
        match name:
            case "since":
                conditions &= Q(created_at__gte=value)
            case "until":
                conditions &= Q(created_at__lt=value)
            case "collection":
                conditions &= Q(collection=value or None)
            case "outcome":
                conditions &= OUTCOMES[value][1]
            case "vote":
                conditions &= VOTES[value][1]
            case "failing":
                conditions &= failing(value)
            case "topic":
                conditions &= Q(pk__in=TopicTurn.objects.filter(topic=value, is_before=False).values("turn"))
            case "variant":
                conditions &= counted_for(value)
            case _:
                conditions &= Q(**{name: value})
    return Turn.objects.filter(conditions)
