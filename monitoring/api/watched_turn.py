"""One turn of anybody, with all that was recorded and said of it: the page of a turn in the admin, and what judges,
users and reviewers made of it."""

from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.turn_fields import CallSerializer, FeedbackSerializer, HitSerializer
from chat.api.view import ApiView
from chat.models import Feedback, ImplicitSignal, LLMCall, Turn
from chat.models.api import Scope
from monitoring.api.flags import FlagSerializer
from monitoring.api.scores import ScoreSerializer, for_list
from monitoring.api.turns import WatchedTurnSerializer
from monitoring.models import Flag, ReviewItem
from monitoring.reviewing.opinions import REVIEWING, outcome_of
from monitoring.scoring.access import readable_by

SEE_FLAGS, SEE_REVIEWS = "monitoring.view_flag", "monitoring.view_reviewitem"


class SaidBeforeSerializer(serializers.Serializer[Any]):
    """A question with its answer, as a program sent it."""

    question = serializers.CharField()
    answer = serializers.CharField()


class WatchedCallSerializer(CallSerializer):
    """A request to a model, with the prices that applied. `purpose` judge: for a verdict on the turn."""

    class Meta(CallSerializer.Meta):
        fields = [
            *CallSerializer.Meta.fields,
            "prompt_name",
            "prompt_sha256",
            "input_usd_per_million",
            "cached_input_usd_per_million",
            "output_usd_per_million",
            "request_id",
            "response_id",
            "created_at",
        ]


class WatchedFeedbackSerializer(FeedbackSerializer):
    """Somebody's vote."""

    user = serializers.CharField(source="user.username", default=None, allow_null=True, help_text="Empty: gone.")

    class Meta(FeedbackSerializer.Meta):
        fields = ["user", *FeedbackSerializer.Meta.fields]


class WatchedSignalSerializer(serializers.ModelSerializer[ImplicitSignal]):
    """What somebody did with the answer."""

    user = serializers.CharField(source="user.username", default=None, allow_null=True, help_text="Empty: gone.")

    class Meta:
        model = ImplicitSignal
        fields = ["user", "kind", "created_at"]


class WatchedScoreSerializer(ScoreSerializer):
    """A score, and of a judge's verdict by which version and rule it came and what it took."""

    judged_by = serializers.CharField(
        source="judge_version", default=None, allow_null=True, help_text="Judge, version and model; empty: no judge."
    )
    rule = serializers.IntegerField(source="rule_id", allow_null=True)

    class Meta(ScoreSerializer.Meta):
        fields = [
            *ScoreSerializer.Meta.fields,
            "judged_by",
            "rule",
            "attempts",
            "retry_at",
            "calls",
            "cost_usd",
            "duration_seconds",
        ]


class ReviewStateSerializer(serializers.ModelSerializer[ReviewItem]):
    """How far the review of the turn's conversation is."""

    class Meta:
        model = ReviewItem
        fields = ["id", "status", "priority", "round", "reviews_wanted", "opened_at", "resolved_at"]


class WholeWatchedTurnSerializer(WatchedTurnSerializer):
    """The whole of a turn, of `_whole`."""

    imported_from = serializers.CharField(source="conversation.import_source", help_text="Empty: it was asked here.")
    said_before = SaidBeforeSerializer(
        source="given_history",
        many=True,
        allow_null=True,
        help_text="What the answer was given on, where a program sent another transcript. Empty: the conversation.",
    )
    hits = HitSerializer(many=True)
    calls = WatchedCallSerializer(many=True)
    feedback = WatchedFeedbackSerializer(many=True)
    signals = WatchedSignalSerializer(many=True)
    scores = WatchedScoreSerializer(many=True, source="shown_scores", help_text="Those that you may see.")
    flags = FlagSerializer(
        many=True, source="shown_flags", allow_null=True, help_text=f"Empty: you lack `{SEE_FLAGS}`."
    )
    review = serializers.SerializerMethodField()
    corrections = serializers.DictField(
        child=serializers.CharField(),
        source="shown_corrections",
        allow_null=True,
        help_text=f"Corrected answers by reviewer, those that you may see. Empty: you lack `{SEE_REVIEWS}`.",
    )

    class Meta(WatchedTurnSerializer.Meta):
        fields = [
            *WatchedTurnSerializer.Meta.fields,
            "prompt_sha256",
            "imported_from",
            "said_before",
            "hits",
            "calls",
            "feedback",
            "signals",
            "scores",
            "flags",
            "review",
            "corrections",
        ]

    @extend_schema_field(ReviewStateSerializer(allow_null=True, help_text="Empty: not in the queue, or not for you."))
    def get_review(self, turn: Any) -> Any:
        return turn.shown_review and ReviewStateSerializer(turn.shown_review).data


class OneWatchedTurn(ApiView):
    """A turn of anybody."""

    access = {"GET": Access(Scope.READ, "chat.view_turn")}
    has_etag = True

    @extend_schema(operation_id="watch_turn", responses=WholeWatchedTurnSerializer)
    def get(self, request: Request, turn_id: int) -> HttpResponseBase:
        """Return a turn with its hits, calls and costs, votes and signals, scores, flags, and how far its review is.
        Of a conversation that two people review, neither sees what the other said before both have decided."""
        return tagged(request, WholeWatchedTurnSerializer(_whole(turn_id, request.user)).data)


def _whole(turn_id: int, user: Any) -> Any:
    """Return a turn with all that is shown of it, as far as this user may see it. About ten queries."""
    calls, votes = LLMCall.objects.order_by("pk"), Feedback.objects.select_related("user")
    signals = ImplicitSignal.objects.select_related("user").order_by("pk")
    rows = Turn.objects.select_related("conversation__user", "config").prefetch_related(
        "hits", Prefetch("calls", calls), Prefetch("feedback", votes), Prefetch("signals", signals)
    )
    turn: Any = get_object_or_404(rows, pk=turn_id)  # with attributes more
    scores: Any = readable_by(user).filter(turn=turn).order_by("name", "pk")
    turn.shown_scores = list(for_list(scores))
    turn.shown_flags = turn.shown_review = turn.shown_corrections = None
    if user.has_perm(SEE_FLAGS):
        turn.shown_flags = list(_readable_flags(turn))
    if user.has_perm(SEE_REVIEWS):
        item = ReviewItem.objects.readable().filter(conversation=turn.conversation_id).first()
        outcome = outcome_of(item, user, is_reviewer=user.has_perms(REVIEWING)) if item else None
        turn.shown_review = item
        turn.shown_corrections = dict(outcome.corrections.get(turn.pk, ())) if outcome else {}
    return turn


def _readable_flags(turn: Turn) -> Any:
    """Return the flags of a turn; none of a conversation that its user deleted, as in the list of flags."""
    if turn.conversation.deleted_at is not None:
        return Flag.objects.none()
    return Flag.objects.filter(turn=turn).select_related("turn").order_by("pk")
