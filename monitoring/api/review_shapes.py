"""What is shown of the review queue, and what a decision is made of."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from chat.models import Hit, Turn
from monitoring.api.flags import FlagSerializer
from monitoring.models import Flag, Review, ReviewItem, Score
from monitoring.reviewing.verdict import CORRECTION_MAX_CHARS, NOTE_MAX_CHARS, Verdicts


class AtWorkSerializer(serializers.Serializer[Any]):
    """Who reviews an item in its current round, or has."""

    reviewer = serializers.CharField(source="reviewer.username")
    reserved_until = serializers.DateTimeField(allow_null=True, help_text="Empty: decided.")
    decided_at = serializers.DateTimeField(allow_null=True)


class ReviewItemSerializer(serializers.ModelSerializer[ReviewItem]):
    """A conversation in the queue."""

    conversation = serializers.UUIDField(source="conversation_id")
    question = serializers.CharField(source="excerpt", help_text="Of the first flag that waits.")
    reasons = serializers.SerializerMethodField(help_text="Of its flags that wait for a review.")
    at_work = serializers.SerializerMethodField()

    class Meta:
        model = ReviewItem
        fields = [
            "id",
            "conversation",
            "question",
            "status",
            "priority",
            "reasons",
            "reviews_wanted",
            "round",
            "at_work",
            "opened_at",
            "resolved_at",
        ]

    def get_reasons(self, item: ReviewItem) -> list[str]:
        found: list[str] = self.context["reasons"].get(item.conversation_id, [])
        return found

    def get_at_work(self, item: ReviewItem) -> list[dict[str, Any]]:
        shown = [one for one in item.reviews.all() if one.round == item.round and (one.decided_at or one.is_held)]
        return [dict(AtWorkSerializer(review).data) for review in shown]


class ReviewedHitSerializer(serializers.ModelSerializer[Hit]):
    """What was found for a turn; mark by `id` those that hold the answer."""

    class Meta:
        model = Hit
        fields = ["id", "rank", "document_title", "heading_path", "text", "is_cited"]


class VerdictSerializer(serializers.ModelSerializer[Score]):
    """What a judge said."""

    judge = serializers.CharField(source="judge_version.judge")

    class Meta:
        model = Score
        fields = ["id", "name", "judge", "value", "label", "explanation", "error"]


class OpinionSerializer(serializers.Serializer[Any]):
    """What reviewers said by one criterion, as far as one may see it."""

    name = serializers.CharField()
    labels = serializers.SerializerMethodField(help_text="By reviewer.")

    def get_labels(self, opinion: Any) -> dict[str, str]:
        return {person: label for person, label in opinion.by_person if label}


class GivenReviewSerializer(serializers.ModelSerializer[Review]):
    """A review that was decided, as far as one may see it."""

    reviewer = serializers.CharField(source="reviewer.username")

    class Meta:
        model = Review
        fields = ["reviewer", "round", "note", "is_dismissed", "decided_at"]


class ReviewTurnSerializer(serializers.ModelSerializer[Turn]):
    """A turn under review."""

    flags = FlagSerializer(many=True, source="shown_flags")
    verdicts = VerdictSerializer(many=True, source="shown_verdicts")
    hits = ReviewedHitSerializer(many=True)
    opinions = OpinionSerializer(many=True, source="shown_opinions")
    corrections = serializers.DictField(
        child=serializers.CharField(), source="shown_corrections", help_text="Corrected answers by reviewer."
    )

    class Meta:
        model = Turn
        fields = [
            "id",
            "position",
            "is_current",
            "question",
            "answer",
            "status",
            "flags",
            "verdicts",
            "hits",
            "opinions",
            "corrections",
        ]


class WholeReviewSerializer(ReviewItemSerializer):
    """A conversation under review. Who may be its second reviewer sees nothing of the first one's before both are
    done."""

    turns = ReviewTurnSerializer(many=True, source="shown_turns")
    opinions = OpinionSerializer(many=True, source="shown_opinions", help_text="Of the conversation as a whole.")
    reviews = GivenReviewSerializer(many=True, source="shown_reviews")

    class Meta(ReviewItemSerializer.Meta):
        fields = [*ReviewItemSerializer.Meta.fields, "turns", "opinions", "reviews"]


class TurnDecisionSerializer(serializers.Serializer[Any]):
    """What is said of a turn."""

    turn = serializers.IntegerField(min_value=1)
    labels = serializers.DictField(child=serializers.CharField(), required=False, default=dict, help_text="By name.")
    correction = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=CORRECTION_MAX_CHARS, help_text="The right answer."
    )


class DecisionSerializer(serializers.Serializer[Any]):
    """A reviewer's decision."""

    turns = TurnDecisionSerializer(many=True, required=False, default=list)
    conversation = serializers.DictField(
        child=serializers.CharField(), required=False, default=dict, help_text="Labels of the whole, by criterion."
    )
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=NOTE_MAX_CHARS)
    dismiss = serializers.BooleanField(required=False, default=False, help_text="It was flagged for no reason.")
    seen_flags = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Ids of the flags that were seen: others keep the item open. Without it: all that wait.",
    )
    round = serializers.IntegerField(required=False, min_value=1, help_text="That was seen. Without it: the current.")

    def validate_turns(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({one["turn"] for one in value}) < len(value):
            raise ValidationError("A turn is named twice; say all of it at once.")
        return value


def verdicts_of(decision: dict[str, Any]) -> Verdicts:
    """Return a decision as the service takes it."""
    turns = decision["turns"]
    return Verdicts(
        turns={one["turn"]: one["labels"] for one in turns if one["labels"]},
        conversation=decision["conversation"],
        corrections={one["turn"]: one["correction"].strip() for one in turns if one["correction"].strip()},
        note=decision["note"].strip(),
    )


def reasons_of(items: list[ReviewItem]) -> dict[Any, list[str]]:
    """Return the reasons for which conversations wait. One query."""
    flags = Flag.objects.filter(turn__conversation__in=[item.conversation_id for item in items], settled_at=None)
    found: dict[Any, list[str]] = {}
    for pk, reason in flags.values_list("turn__conversation_id", "reason").distinct().order_by("reason"):
        found.setdefault(pk, []).append(reason)
    return found
