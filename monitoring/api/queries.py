"""What several addresses ask for behind their `?` (chat.api.view.asked reads it)."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from chat.models import Collection, PipelineConfig
from chat.services.turn_choices import POSSIBLE_YEARS, YEARS


class RangeQuery(serializers.Serializer[Any]):
    """From a time to before a time."""

    since = serializers.DateTimeField(required=False, help_text="From this moment on, such as 2026-11-03T14:00Z.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("since", "until"):
            if name in attrs and attrs[name].year not in YEARS:
                raise ValidationError({name: f"No question was asked then; {POSSIBLE_YEARS}."})
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since >= until:
            raise ValidationError({"until": "It is not after `since`, so nothing is in this range."})
        return attrs


class TrafficQuery(RangeQuery):
    """Part of the traffic of a range."""

    collection = serializers.IntegerField(required=False, min_value=0, help_text="0: turns that searched all.")
    config = serializers.IntegerField(required=False, min_value=1)

    def validate_collection(self, value: int) -> int:
        if value and not Collection.objects.filter(pk=value).exists():
            raise ValidationError(f"There is no collection {value}.")
        return value

    def validate_config(self, value: int) -> int:
        if not PipelineConfig.objects.filter(pk=value).exists():
            raise ValidationError(f"There is no config {value}.")
        return value
