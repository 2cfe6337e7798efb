"""Pipeline configs. One that has answered cannot be changed any more, or its turns would lie about how they were made:
a change is a copy, as the next version."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from chat.admin.base import OwnPages, PageAdmin
from chat.admin.config_form import PipelineConfigForm
from chat.exceptions import ConfigurationError
from chat.models import PipelineConfig
from chat.models.pipeline import PipelineConfigQuerySet
from chat.services.configs import copy_as_new, make_default, offer_config


@admin.register(PipelineConfig)
class PipelineConfigAdmin(PageAdmin):
    form = PipelineConfigForm
    list_display = (
        "label",
        "default",
        "used",
        "offered",
        "model",
        "search_mode",
        "embedder",
        "top_k",
        "prompt",
        "created_at",
    )
    list_display_links = ("label",)
    list_filter = (("search_mode", ChoicesDropdownFilter), ("embedder", RelatedDropdownFilter))
    search_fields = ("name", "description", "model")
    list_select_related = ("embedder",)
    ordering = ("name", "-version")
    change_form_before_template = "admin/chat/pipelineconfig/state.html"
    change_form_outer_after_template = "admin/chat/pipelineconfig/buttons.html"
    fieldsets = (
        (None, {"fields": (("name", "version"), "description")}),
        (
            "Search",
            {
                "fields": (
                    ("search_mode", "embedder"),
                    ("fusion", "text_weight"),
                    ("top_k", "min_similarity"),
                    "rewrite",
                )
            },
        ),
        (
            "Further stages",
            {
                "description": "Each is off at first. What one brings and costs is measured by an evaluation run.",
                "fields": (
                    ("query_count", "max_per_document"),
                    ("rerank", "rerank_depth"),
                    ("rerank_model", "context"),
                ),
            },
        ),
        ("Answer", {"fields": (("model", "fallback_model"), "prompt", ("temperature", "max_output_tokens"))}),
    )
    readonly_fields = ("version",)

    def get_queryset(self, request: HttpRequest) -> PipelineConfigQuerySet:
        configs: PipelineConfigQuerySet = super().get_queryset(request)
        return configs.with_use()

    @display(description="Config", ordering="name")
    def label(self, config: PipelineConfig) -> str:
        return str(config)

    @display(description="Default", label={"default": "success"}, ordering="is_default")
    def default(self, config: PipelineConfig) -> str:
        return "default" if config.is_default else ""

    @display(description="Use", label={"used": "info", "imported": "warning"})
    def used(self, config: Any) -> str:
        return "imported" if config.import_source else "used" if config.is_used else ""

    @display(description="API", label={"offered": "info"}, ordering="is_offered")
    def offered(self, config: PipelineConfig) -> str:
        return "offered" if config.is_offered else ""

    def get_fieldsets(self, request: HttpRequest, obj: PipelineConfig | None = None) -> Any:
        """Of a config of which the model alone is known, nothing else."""
        if obj and obj.import_source and not obj.prompt:
            return ((None, {"fields": (("name", "version"), "description", "model")}),)
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: PipelineConfig | None = None) -> tuple[str, ...]:
        return ("name", "version") if obj else ("version",)

    def has_change_permission(self, request: HttpRequest, obj: PipelineConfig | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and _is_fixed(obj))

    def has_delete_permission(self, request: HttpRequest, obj: PipelineConfig | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and (obj.is_default or _is_fixed(obj)))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deleting of many at once: it would ask for each whether it was used."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: PipelineConfig, form: Any, change: bool) -> None:
        if change:
            # The lock makes a question that picks this config right now wait until the change is there.
            if _is_fixed(PipelineConfig.objects.select_for_update().get(pk=obj.pk)):
                raise PermissionDenied(f"{obj} is in use meanwhile: copy it as a new version.")
        else:
            newest = PipelineConfig.objects.filter(name=obj.name).aggregate(newest=Max("version"))["newest"]
            obj.version = (newest or 0) + 1
        super().save_model(request, obj, form, change)

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        return {
            "may_copy": self.has_add_permission(request),
            "may_make_default": request.user.has_perm("chat.change_pipelineconfig"),
        }

    def own_pages(self) -> OwnPages:
        return {
            "<int:config_id>/copy/": ("copy", self.copy_view),
            "<int:config_id>/make-default/": ("default", self.default_view),
            "<int:config_id>/offer/": ("offer", self.offer_view),
        }

    @method_decorator(require_POST)
    def copy_view(self, request: HttpRequest, config_id: int) -> HttpResponse:
        """Make the next version with the same settings, and open it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        config = get_object_or_404(PipelineConfig, pk=config_id)
        copy = copy_as_new(config=config)
        self.log_addition(request, copy, f"Copied from {config}.")
        messages.success(request, f"{copy} is a copy of {config}. Change it, then make it the default.")
        return HttpResponseRedirect(reverse("admin:chat_pipelineconfig_change", args=[copy.pk]))

    @method_decorator(require_POST)
    def default_view(self, request: HttpRequest, config_id: int) -> HttpResponse:
        """Let a config answer from now on where nothing else is chosen."""
        if not request.user.has_perm("chat.change_pipelineconfig"):
            raise PermissionDenied
        config = get_object_or_404(PipelineConfig, pk=config_id)
        try:
            make_default(config=config)
        except ConfigurationError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:chat_pipelineconfig_change", args=[config.pk]))
        self.log_change(request, config, "Made the default.")
        messages.success(request, f"{config} answers from now on.")
        return HttpResponseRedirect(reverse("admin:chat_pipelineconfig_change", args=[config.pk]))

    @method_decorator(require_POST)
    def offer_view(self, request: HttpRequest, config_id: int) -> HttpResponse:
        """Offer a config to everybody over the OpenAI-compatible API, or no longer (`offered` empty)."""
        if not request.user.has_perm("chat.change_pipelineconfig"):
            raise PermissionDenied
        config = get_object_or_404(PipelineConfig, pk=config_id)
        is_offered = bool(request.POST.get("offered"))
        try:
            offer_config(config=config, is_offered=is_offered)
        except ConfigurationError as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, config, "Offered over the API." if is_offered else "No longer offered.")
            now = "is offered to everybody over the API as" if is_offered else "is no longer offered over the API as"
            messages.success(request, f"{config} {now} {config.name}:{config.version}.")
        return HttpResponseRedirect(reverse("admin:chat_pipelineconfig_change", args=[config.pk]))


def _is_fixed(config: PipelineConfig) -> bool:
    return config.fixed_at is not None or config.turns.exists()
