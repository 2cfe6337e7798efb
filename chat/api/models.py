"""Models that can answer, embedders, and the prices that administrators set."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.view import ApiView
from chat.models import Embedder, ModelPrice
from chat.models.api import Scope
from chat.services.configs import available_models, default_config


class ModelSerializer(serializers.Serializer[Any]):
    """A model that can answer."""

    name = serializers.CharField(help_text='"provider/model", for `model` of a question.')
    is_default = serializers.BooleanField(help_text="Answers where no model is chosen.")


class ModelListSerializer(serializers.Serializer[Any]):
    """All of them."""

    results = ModelSerializer(many=True)


class EmbedderSerializer(serializers.ModelSerializer[Embedder]):
    """What makes vectors of texts."""

    class Meta:
        model = Embedder
        fields = ["id", "name", "dimensions", "created_at"]


class EmbedderListSerializer(serializers.Serializer[Any]):
    """All of them."""

    results = EmbedderSerializer(many=True)


class ModelPriceSerializer(serializers.ModelSerializer[ModelPrice]):
    """What a model costs here from a time on, in US dollars a million tokens."""

    class Meta:
        model = ModelPrice
        fields = [
            "id",
            "model",
            "input_usd_per_million",
            "output_usd_per_million",
            "cached_input_usd_per_million",
            "valid_from",
        ]


class Models(ApiView):
    """Models."""

    access = {"GET": Access(Scope.READ, also=(Scope.CHAT,))}

    @extend_schema(operation_id="list_models", responses=ModelListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List the models that can answer, as their servers list them. A server that does not answer is left out."""
        config = default_config()
        rows = [{"name": name, "is_default": bool(config and config.model == name)} for name in available_models()]
        return tagged(request, ModelListSerializer({"results": rows}).data)


class Embedders(ApiView):
    """Embedders."""

    access = {"GET": Access(Scope.READ)}

    @extend_schema(operation_id="list_embedders", responses=EmbedderListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List all embedders: documents have a vector by each."""
        return tagged(request, {"results": EmbedderSerializer(Embedder.objects.all(), many=True).data})


class ModelPrices(ApiView):
    """Prices."""

    access = {"GET": Access(Scope.READ, "chat.view_modelprice")}

    @extend_schema(operation_id="list_model_prices", responses=ModelPriceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the prices that stand in place of the published ones, the newest first."""
        return self.page(request, ModelPrice.objects.all(), ModelPriceSerializer, ordering="-valid_from")
