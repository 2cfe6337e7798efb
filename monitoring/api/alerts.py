"""Alerts: what each rule reads at present, and which fire."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.view import ApiView, asked
from chat.models import Collection
from chat.models.api import Scope
from chat.models.conversation import Origin
from monitoring.alerts import RULES, evaluate


class ReadingSerializer(serializers.Serializer[Any]):
    """An alert rule and what it reads. It fires when its value is known and above the threshold."""

    name = serializers.CharField(source="rule.name")
    title = serializers.CharField(source="rule.title")
    severity = serializers.CharField(source="rule.severity", help_text="warning: look today; critical: look now.")
    meaning = serializers.CharField(source="rule.meaning", help_text="Of the value.")
    unit = serializers.CharField(source="rule.unit")
    value = serializers.FloatField(allow_null=True, help_text="Empty: not known.")
    threshold = serializers.FloatField()
    n = serializers.IntegerField(allow_null=True, help_text="Observations behind it. Empty: nothing is counted.")
    minimum = serializers.IntegerField(source="rule.minimum", help_text="Observations below which nothing is known.")
    is_firing = serializers.BooleanField()
    detail = serializers.CharField(help_text="A sentence for people.")
    runbook = serializers.CharField(source="rule.runbook", help_text="The page of docs/runbooks on what to do.")


class ReadingListSerializer(serializers.Serializer[Any]):
    """All rules that one may see."""

    results = ReadingSerializer(many=True)


class AlertsQuery(serializers.Serializer[Any]):
    """Whose traffic."""

    origin = serializers.ChoiceField(Origin.choices, required=False, default=Origin.USER)
    collection = serializers.IntegerField(required=False, default=None, min_value=1)
    firing = serializers.BooleanField(required=False, default=False, help_text="Only those that fire.")

    def validate_collection(self, value: int | None) -> int | None:
        if value is not None and not Collection.objects.filter(pk=value).exists():
            raise ValidationError(f"There is no collection {value}.")
        return value


class Alerts(ApiView):
    """Alert rules."""

    access = {"GET": Access(Scope.READ, "chat.view_turn")}

    @extend_schema(operation_id="list_alerts", parameters=[AlertsQuery], responses=ReadingListSerializer)
    def get(self, request: Request) -> Response:
        """Read all alert rules at this moment; `?firing=true`: those that fire. Rules that name budgets are for who may
        see budgets."""
        wanted = asked(request, AlertsQuery, also=frozenset())
        user: Any = request.user  # signed in: permissions are looked at before
        rules = tuple(rule for rule in RULES if not rule.permission or user.has_perm(rule.permission))
        readings = evaluate(origin=wanted["origin"], collection_id=wanted["collection"], rules=rules)
        shown = [reading for reading in readings if reading.is_firing or not wanted["firing"]]
        return Response(ReadingListSerializer({"results": shown}).data)
