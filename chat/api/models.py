"""Models that can answer, embedders, and the prices that administrators set."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.history import note_addition
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import NOTHING, ApiView, asked, checked
from chat.models import Embedder, ModelPrice
from chat.models.api import Scope
from chat.services.configs import available_models, default_config
from chat.services.prices import add_price
from chat.services.turn_choices import POSSIBLE_YEARS, YEARS


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

    valid_from = serializers.DateTimeField(
        default=timezone.now, help_text="Until a later one of the model. Left out: now."
    )

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

    def validate_valid_from(self, value: datetime) -> datetime:
        if value.year not in YEARS:
            raise ValidationError(f"{POSSIBLE_YEARS.capitalize()}.")
        return value

    def validate_model(self, value: str) -> str:
        provider, _, name = value.partition("/")
        if not provider or not name:
            raise ValidationError(f'"{value}" is not of the form provider/model, for example ollama/llama3.1.')
        return value


class ModelPriceFilters(serializers.Serializer[Any]):
    """Which prices."""

    model = serializers.CharField(required=False, help_text="The exact name.")


class Models(ApiView):
    """Models."""

    access = {"GET": Access(Scope.READ, also=(Scope.CHAT,))}
    has_etag = True
    parameters = NOTHING

    @extend_schema(operation_id="list_models", responses=ModelListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List the models that can answer, as their servers list them. A server that does not answer is left out."""
        config = default_config()
        rows = [{"name": name, "is_default": bool(config and config.model == name)} for name in available_models()]
        return tagged(request, ModelListSerializer({"results": rows}).data)


class Embedders(ApiView):
    """Embedders."""

    access = {"GET": Access(Scope.READ)}
    has_etag = True
    parameters = NOTHING

    @extend_schema(operation_id="list_embedders", responses=EmbedderListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List all embedders: documents have a vector by each."""
        return tagged(request, {"results": EmbedderSerializer(Embedder.objects.all(), many=True).data})


class ModelPrices(ApiView):
    """Prices."""

    access = {"GET": Access(Scope.READ, "chat.view_modelprice"), "POST": Access(Scope.ADMIN, "chat.add_modelprice")}
    no_key = ""

    @extend_schema(
        operation_id="list_model_prices", parameters=[ModelPriceFilters], responses=ModelPriceSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List the prices that stand in place of the published ones, the newest first."""
        prices = ModelPrice.objects.filter(**asked(request, ModelPriceFilters))
        return self.page(request, prices, ModelPriceSerializer, ordering="-valid_from")

    @extend_schema(
        operation_id="add_model_price",
        request=ModelPriceSerializer,
        responses={201: ModelPriceSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Set what a model costs from a time on. Calls that were made before keep their cost; a price is not changed
        but followed by another one."""
        return once(request, partial(_add, request), _shown)


def _add(request: Request) -> Done:
    values = checked(ModelPriceSerializer, request.data)
    try:
        with transaction.atomic():
            price = add_price(**values)
            note_addition(request, price)
    except IntegrityError:  # somebody set one for that moment meanwhile: say so, as to who comes later
        checked(ModelPriceSerializer, request.data)
        raise
    return Done(price.pk)


def _shown(price_id: int) -> Any:
    return ModelPriceSerializer(get_object_or_404(ModelPrice, pk=price_id)).data
