"""Judges: the list of their versions with what is known of each, and the address of the page of one."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from chat.admin.base import OwnPages, RecordAdmin
from monitoring.admin import judge_quality
from monitoring.models import JudgeVersion
from monitoring.quality.freshness import models_in_use, stale_reason
from monitoring.quality.labelled import labelled_by_version
from monitoring.quality.standing import gate_of
from monitoring.quality.verdicts import work_by_version

CELLS = "admin/monitoring/judgeversion/cells"


class JudgeChangeList(ChangeList):
    """A page of the list, with the figures of its versions: four queries, however many there are."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        versions = list(self.result_list)
        labelled, work, models = labelled_by_version(versions), work_by_version(versions), models_in_use()
        for version in versions:
            version.gate = gate_of(version, labelled[version.pk])
            version.work = work[version.pk]
            version.stale = stale_reason(version, models)
        self.result_list = versions


@admin.register(JudgeVersion)
class JudgeVersionAdmin(RecordAdmin):
    list_display = ("name", "standing_now", "labels", "kappa", "verdicts", "failed", "cost")
    list_display_links = None
    list_filter = (
        ("standing", ChoicesDropdownFilter),
        ("family", ChoicesDropdownFilter),
    )
    search_fields = ("judge", "criterion", "model")
    search_help_text = "Searches judges, criteria and models"
    list_per_page = 25
    ordering = ("-pk",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[JudgeVersion]:
        return JudgeVersion.objects.all()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return JudgeChangeList

    @display(description="Judge", ordering="judge")
    def name(self, version: Any) -> str:
        return _cell("name", version)

    @display(description="Standing", ordering="standing")
    def standing_now(self, version: Any) -> str:
        return _cell("standing", version)

    @display(description="Labels")
    def labels(self, version: Any) -> str:
        return _cell("labels", version)

    @display(description="Kappa")
    def kappa(self, version: Any) -> str:
        return _cell("kappa", version)

    @display(description="Verdicts")
    def verdicts(self, version: Any) -> str:
        return _cell("verdicts", version)

    @display(description="Failed")
    def failed(self, version: Any) -> str:
        return _cell("failed", version)

    @display(description="Cost of 1,000")
    def cost(self, version: Any) -> str:
        return _cell("cost", version)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "title": "Judges"})
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A version is not edited: its page is what is known of it."""
        if not object_id.isdecimal():
            raise Http404
        return HttpResponseRedirect(reverse("admin:monitoring_judgeversion_quality", args=[object_id]))

    def own_pages(self) -> OwnPages:
        return {"<int:version_id>/quality/": ("quality", judge_quality.quality_view)}


def _cell(name: str, version: Any) -> str:
    return render_to_string(f"{CELLS}/{name}.html", {"version": version})
