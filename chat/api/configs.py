"""Pipeline configs: how questions are searched and answered. One that has answered is copied to be changed."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.fields import FIELDS
from chat.api.history import note_addition, note_change
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.named import NamedField
from chat.api.problems import ConflictError
from chat.api.view import ApiView, asked, checked
from chat.models import Embedder, PipelineConfig
from chat.models.api import Scope
from chat.services.config_changes import ConfigFixedError, ConfigValuesError, change_config
from chat.services.configs import copy_as_new, make_default

VIEW, ADD, CHANGE = (f"chat.{what}_pipelineconfig" for what in ("view", "add", "change"))


class ConfigSerializer(serializers.ModelSerializer[PipelineConfig]):
    """A pipeline config."""

    embedder = NamedField(slug_field="name", queryset=Embedder.objects.all())
    is_used = serializers.BooleanField(read_only=True, help_text="It has answered.")

    class Meta:
        model = PipelineConfig
        fields = [
            "id",
            "name",
            "version",
            "description",
            "is_default",
            "is_used",
            "is_offered",
            "fixed_at",
            "search_mode",
            "embedder",
            "fusion",
            "text_weight",
            "top_k",
            "min_similarity",
            "rewrite",
            "query_count",
            "max_per_document",
            "rerank",
            "rerank_depth",
            "rerank_model",
            "context",
            "model",
            "fallback_model",
            "prompt",
            "temperature",
            "max_output_tokens",
            "created_at",
        ]
        read_only_fields = ["name", "version", "is_default", "is_offered"]


class ConfigFilters(serializers.Serializer[Any]):
    """Which configs."""

    name = serializers.CharField(required=False, help_text="All versions of one.")
    is_default = serializers.BooleanField(required=False, help_text="true: the one that answers.")


class Configs(ApiView):
    """Pipeline configs."""

    access = {"GET": Access(Scope.READ, VIEW)}

    @extend_schema(
        operation_id="list_pipeline_configs", parameters=[ConfigFilters, FIELDS], responses=ConfigSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List all configs and their versions, the newest first."""
        configs = _configs().filter(**asked(request, ConfigFilters))
        return self.page(request, configs, ConfigSerializer, ordering="-pk")


class OneConfig(ApiView):
    """A pipeline config."""

    access = {"GET": Access(Scope.READ, VIEW), "PATCH": Access(Scope.ADMIN, CHANGE)}
    has_etag = True
    other_errors = {"PATCH": ("409",)}

    @extend_schema(operation_id="get_pipeline_config", responses=ConfigSerializer)
    def get(self, request: Request, config_id: int) -> HttpResponseBase:
        """Return a config."""
        return tagged(request, _shown(config_id))

    @extend_schema(operation_id="change_pipeline_config", request=ConfigSerializer, responses=ConfigSerializer)
    def patch(self, request: Request, config_id: int) -> Response:
        """Change some of a config that has not answered yet; else 409: copy it first."""
        config = get_object_or_404(PipelineConfig, pk=config_id)
        changes = checked(ConfigSerializer, request.data, instance=config, partial=True)
        try:
            changed = change_config(config_id=config_id, **changes)
        except ConfigFixedError as error:
            raise ConflictError(str(error), code=error.code) from error
        except ConfigValuesError as error:
            raise ValidationError(error.problems) from error
        if changes:
            note_change(request, changed, f"Changed {', '.join(changes)}.")
        return Response(_shown(config_id))


class CopyConfig(ApiView):
    """Copying."""

    access = {"POST": Access(Scope.ADMIN, ADD)}
    takes_no_body = True
    no_key = ""

    @extend_schema(
        operation_id="copy_pipeline_config",
        request=None,
        responses={201: ConfigSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, config_id: int) -> Response:
        """Make the next version of a config with the same settings, to be changed before it answers."""
        config = get_object_or_404(PipelineConfig, pk=config_id)
        return once(request, partial(_copy, request, config), _shown)


class DefaultConfig(ApiView):
    """Which config answers."""

    access = {"POST": Access(Scope.ADMIN, CHANGE)}
    takes_no_body = True

    @extend_schema(operation_id="make_default_pipeline_config", request=None, responses=ConfigSerializer)
    def post(self, request: Request, config_id: int) -> Response:
        """Let a config answer from now on, where nothing else is chosen and no experiment assigns one."""
        config = get_object_or_404(PipelineConfig, pk=config_id)
        make_default(config=config)
        note_change(request, config, "Made the default.")
        return Response(_shown(config_id))


def _copy(request: Request, config: PipelineConfig) -> Done:
    copy = copy_as_new(config=config)
    note_addition(request, copy, f"Copied from {config}.")
    return Done(copy.pk)


def _configs() -> QuerySet[PipelineConfig]:
    return PipelineConfig.objects.with_use().select_related("embedder")


def _shown(config_id: int) -> Any:
    return ConfigSerializer(get_object_or_404(_configs(), pk=config_id)).data
