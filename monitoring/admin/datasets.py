"""Datasets: the list, and the addresses of all their pages."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import display

from chat.admin.base import OwnPages, PageAdmin, link
from chat.templatetags.admin_values import NOTHING
from monitoring.admin import dataset_download, dataset_item, dataset_page, dataset_upload
from monitoring.models import Dataset, DatasetItem, DatasetVersion, EvaluationRun


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Return the number of rows of each dataset, zero where there are none."""
    counted = rows.order_by().values("dataset").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


@admin.register(Dataset)
class DatasetAdmin(PageAdmin):
    list_display = ("title", "item_number", "dev", "test", "calibration", "newest", "changed", "run_number")
    list_display_links = None
    search_fields = ("name", "description")
    search_help_text = "Searches names and descriptions"
    ordering = ("name",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        """With counts by subqueries: joins would multiply items by versions by runs."""
        current = DatasetItem.objects.current().filter(dataset=OuterRef("pk"))
        versions = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
        return Dataset.objects.with_latest().annotate(
            changed_at=Subquery(versions.values("created_at")[:1]),
            runs_count=_count(EvaluationRun.objects.filter(dataset=OuterRef("pk"))),
            **{f"{split.lower()}_count": _count(current.filter(split=split)) for split in DatasetItem.Split.values},
        )

    @display(description="Dataset", ordering="name")
    def title(self, dataset: Dataset) -> str:
        return link(dataset.get_absolute_url(), dataset.name)

    @display(description="Questions", ordering="item_count")
    def item_number(self, dataset: Any) -> str:
        return f"{dataset.item_count:,}"

    @display(description="Dev", ordering="dev_count")
    def dev(self, dataset: Any) -> str:
        return f"{dataset.dev_count:,}"

    @display(description="Test", ordering="test_count")
    def test(self, dataset: Any) -> str:
        return f"{dataset.test_count:,}"

    @display(description="Calibration", ordering="calibration_count")
    def calibration(self, dataset: Any) -> str:
        return f"{dataset.calibration_count:,}"

    @display(description="Version", ordering="latest")
    def newest(self, dataset: Any) -> str:
        return dataset.latest or NOTHING

    @display(description="Changed", ordering="changed_at")
    def changed(self, dataset: Any) -> Any:
        return dataset.changed_at or NOTHING

    @display(description="Runs", ordering="runs_count")
    def run_number(self, dataset: Any) -> str:
        if not dataset.runs_count:
            return NOTHING
        url = reverse("admin:monitoring_evaluationrun_changelist")
        return link(f"{url}?dataset__id__exact={dataset.pk}", f"{dataset.runs_count:,}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Datasets are made by an upload or by generation."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "title": "Datasets",
            "may_change": request.user.has_perm("monitoring.change_dataset"),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A dataset is not edited as a row: its page shows its items, and each change of them is a version."""
        if not object_id.isdecimal():
            return HttpResponseRedirect(reverse("admin:monitoring_dataset_changelist"))
        return dataset_page.dataset_view(request, int(object_id))

    def get_deleted_objects(
        self, objs: Iterable[Dataset], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count what goes with datasets; those that were evaluated stay, because their runs would say nothing."""
        datasets = list(objs)
        counts = {"datasets": len(datasets), "items": DatasetItem.objects.filter(dataset__in=datasets).count()}
        runs = [str(run) for dataset in datasets for run in dataset.runs.select_related("config", "dataset")]
        return [str(dataset) for dataset in datasets], counts, set(), runs

    def own_pages(self) -> OwnPages:
        return {
            "upload/": ("upload", dataset_upload.upload_view),
            "<int:dataset_id>/describe/": ("describe", dataset_page.describe_view),
            "<int:dataset_id>/download/": ("download", dataset_download.download_view),
            "<int:dataset_id>/add/": ("add_item", dataset_item.add_view),
            "<int:dataset_id>/remove/": ("remove", dataset_item.remove_view),
            "item/<int:item_id>/": ("item", dataset_item.item_view),
        }
