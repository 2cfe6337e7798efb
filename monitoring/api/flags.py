"""Flags: why turns need a person."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.view import ApiView, asked
from chat.models.api import Scope
from monitoring.api.queries import RangeQuery
from monitoring.flags.finding import WATCHED_ORIGINS
from monitoring.models import Flag

COLUMNS = {
    "reason": "reason",
    "is_advisory": "is_advisory",
    "turn": "turn",
    "conversation": "turn__conversation",
    "origin": "turn__origin",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


class FlagSerializer(serializers.ModelSerializer[Flag]):
    """One reason why a turn needs a person."""

    turn = serializers.IntegerField(source="turn_id")
    conversation = serializers.UUIDField(source="turn.conversation_id")
    score = serializers.IntegerField(source="score_id", allow_null=True, help_text="The verdict that it rests on.")

    class Meta:
        model = Flag
        fields = [
            "id",
            "turn",
            "conversation",
            "reason",
            "detail",
            "score",
            "is_advisory",
            "weight",
            "created_at",
            "settled_at",
        ]


class FlagsQuery(RangeQuery):
    """Which flags; times are those at which they were raised."""

    reason = serializers.ChoiceField(Flag.Reason.choices, required=False)
    is_waiting = serializers.BooleanField(required=False, allow_null=True, default=None, help_text="For a review.")
    is_advisory = serializers.BooleanField(required=False, allow_null=True, default=None, help_text="Not proven.")
    turn = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    conversation = serializers.UUIDField(required=False)
    origin = serializers.ChoiceField([origin.value for origin in WATCHED_ORIGINS], required=False)


class Flags(ApiView):
    """Flags."""

    access = {"GET": Access(Scope.READ, "monitoring.view_flag")}

    @extend_schema(operation_id="list_flags", parameters=[FlagsQuery], responses=FlagSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List flags, the newest first."""
        wanted = {name: value for name, value in asked(request, FlagsQuery).items() if value is not None}
        flags = Flag.objects.filter(turn__conversation__deleted_at__isnull=True).select_related("turn")
        if "is_waiting" in wanted:
            flags = flags.filter(settled_at__isnull=wanted.pop("is_waiting"))
        flags = flags.filter(**{COLUMNS[name]: value for name, value in wanted.items()})
        return self.page(request, flags, FlagSerializer, ordering="-pk")
