"""What an address asks for behind its `?`: read by a serializer, and nothing else is let through, for a filter that is
mistyped would show what nobody asked for."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from chat.api.view import OF_PAGES, checked, refuse_unknown
from chat.models import Collection, PipelineConfig


class RangeQuery(serializers.Serializer[Any]):
    """From a time to before a time."""

    since = serializers.DateTimeField(required=False, help_text="From this moment on, such as 2026-11-03T14:00Z.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("since", "until"):
            if name in attrs and not 1970 <= attrs[name].year <= 2200:
                raise ValidationError({name: "No question was asked then; years from 1970 to 2200 are possible."})
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


def asked(request: Request, serializer: type[serializers.Serializer[Any]], *, also: frozenset[str] = OF_PAGES) -> Any:
    """Return the query as the serializer reads it. ValidationError for what it does not know and `also` does not have.
    A value that is left empty is not asked for."""
    given = {name: value for name, value in request.query_params.items() if value != ""}
    known = set(serializer().fields)
    refuse_unknown(given, known | also)
    return checked(serializer, {name: value for name, value in given.items() if name in known})
