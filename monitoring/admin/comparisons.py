"""Blind comparisons: the list, and the addresses of their pages in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import display

from chat.admin.base import OwnPages, PageAdmin, link
from monitoring.admin import comparison_page
from monitoring.experiments.comparing import comparable_runs
from monitoring.models import Comparison

STATES = {"open to users": "success", "open to reviewers": "info", "closed": "warning"}


@admin.register(Comparison)
class ComparisonAdmin(PageAdmin):
    list_display = ("title", "state", "run_names", "picks", "people", "created_at")
    list_display_links = None
    search_fields = ("name",)
    search_help_text = "Searches names"
    list_per_page = 25
    ordering = ("-pk",)
    actions = None

    class Media:
        css = {"all": ["ragsite/evaluation.css", "ragsite/experiments.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Comparison]:
        counted = Comparison.objects.annotate(
            pick_count=Count("preferences"), person_count=Count("preferences__user", distinct=True)
        )
        return counted.prefetch_related("runs__config")

    @display(description="Comparison", ordering="name")
    def title(self, comparison: Comparison) -> str:
        return link(comparison.get_absolute_url(), comparison.name)

    @display(description="Status", label=STATES)
    def state(self, comparison: Comparison) -> str:
        if comparison.closed_at:
            return "closed"
        return "open to users" if comparison.is_open_to_users else "open to reviewers"

    @display(description="Runs")
    def run_names(self, comparison: Comparison) -> str:
        return ", ".join(f"{run.config} (run {run.pk})" for run in comparison.runs.all())

    @display(description="Picks", ordering="pick_count")
    def picks(self, comparison: Any) -> str:
        return f"{comparison.pick_count:,}"

    @display(description="People", ordering="person_count")
    def people(self, comparison: Any) -> str:
        return f"{comparison.person_count:,}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "title": "Blind comparisons",
            "add_url": reverse("admin:monitoring_comparison_add"),
            "has_runs": comparable_runs()[:2].count() == 2,
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return comparison_page.add_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its page shows what was picked."""
        if not object_id.isdecimal():
            return HttpResponseRedirect(reverse("admin:monitoring_comparison_changelist"))
        return comparison_page.comparison_view(request, int(object_id))

    def own_pages(self) -> OwnPages:
        return {"<int:comparison_id>/do/": ("do", comparison_page.change_view)}
