"""How a mean with its interval is described."""

from typing import Any

from rest_framework import serializers


class IntervalSerializer(serializers.Serializer[Any]):
    """A mean with its interval at 95 %. Unscored items are not in it: they are no zeros."""

    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True, help_text="Empty: one cluster alone says nothing of others.")
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(help_text="Scored items.")
    clusters = serializers.IntegerField(help_text="Independent groups of them, such as documents.")
    unscored = serializers.IntegerField()
