"""Evaluation runs: the list with the main measures of each, and the addresses of all their pages."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from chat.admin.base import OwnPages, PageAdmin
from monitoring.admin import run_changes, run_compare, run_item, run_progress, run_report, run_start
from monitoring.admin.run_cells import cell
from monitoring.admin.run_figures import with_figures
from monitoring.models import Dataset, EvaluationItem, EvaluationRun

NDCG = "\N{WORD JOINER}nDCG"  # what nobody sees keeps the theme from writing a capital


class RunChangeList(ChangeList):
    """A page of the list, with the figures of its runs."""

    result_list: list[Any]
    open_ids: list[int]  # of the runs that go on

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_figures(list(self.result_list))
        self.open_ids = [run.pk for run in self.result_list if not run.is_finished]


@admin.register(EvaluationRun)
class EvaluationRunAdmin(PageAdmin):
    list_display = ("action_checkbox", "name", "state", "of", "items", "hit_rate", "mrr", "ndcg", "time")
    list_display_links = None
    list_filter = (
        ("dataset", RelatedDropdownFilter),
        ("config", RelatedDropdownFilter),
        ("split", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
    )
    search_fields = ("dataset__name", "config__name")
    search_help_text = "Searches names of datasets and configs"
    list_per_page = 25
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationRun]:
        return EvaluationRun.objects.for_list()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RunChangeList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: what is done with several runs is to compare them, and that has a button of its own."""
        return {}

    @display(description="Config", ordering="config__name")
    def name(self, run: EvaluationRun) -> str:
        return cell(run, "name")

    @display(description="Dataset", ordering="dataset__name")
    def of(self, run: EvaluationRun) -> str:
        return cell(run, "of")

    @display(description="Items", ordering="total_items")
    def items(self, run: EvaluationRun) -> str:
        return cell(run, "items")

    @display(description="Hit rate")
    def hit_rate(self, run: EvaluationRun) -> str:
        return cell(run, "hit_rate")

    @display(description="MRR")
    def mrr(self, run: EvaluationRun) -> str:
        return cell(run, "mrr")

    @display(description=NDCG)
    def ndcg(self, run: EvaluationRun) -> str:
        return cell(run, "ndcg")

    @display(description="Time", ordering="duration_seconds")
    def time(self, run: EvaluationRun) -> str:
        return cell(run, "time")

    @display(description="Status", ordering="status")
    def state(self, run: EvaluationRun) -> str:
        return cell(run, "state")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "title": "Evaluation runs",
            "start_url": reverse("admin:monitoring_evaluationrun_add"),
            "has_datasets": Dataset.objects.exists(),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return run_start.start_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A run is not edited: its page is its report."""
        if not object_id.isdecimal():
            raise Http404
        return HttpResponseRedirect(reverse("admin:monitoring_evaluationrun_report", args=[object_id]))

    def get_deleted_objects(
        self, objs: Iterable[EvaluationRun], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count what goes with the runs: a list of it helps nobody, and needs no permission of its own."""
        runs = list(objs)
        counts = {"evaluation runs": len(runs), "results": EvaluationItem.objects.filter(run__in=runs).count()}
        return [str(run) for run in runs], counts, set(), []

    def own_pages(self) -> OwnPages:
        return {
            "choose/": ("choose", run_compare.choose_view),
            "progress/": ("progress", run_progress.progress_view),
            "compare/": ("compare", run_compare.compare_view),
            "<int:run_id>/report/": ("report", run_report.report_view),
            "item/<int:item_id>/": ("item", run_item.item_view),
            "estimate/": ("estimate", run_start.estimate_view),
            "<int:run_id>/going/": ("going", run_progress.going_view),
            "<int:run_id>/cancel/": ("cancel", run_changes.cancel_view),
            "<int:run_id>/resume/": ("resume", run_changes.resume_view),
            "<int:run_id>/make-default/": ("make_default", run_changes.make_default_view),
        }
