"""The page of one dataset: what is in a version, filtered and searched, and how it came to be."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from monitoring.datasets.listing import Filters, choices_of, split_counts
from monitoring.datasets.names import describe_dataset
from monitoring.datasets.versions import latest_version
from monitoring.models import Dataset, Generation

ITEMS_SHOWN = 50
VERSIONS_SHOWN = 5


def page_context(request: HttpRequest, title: str, *, dataset: Dataset | None = None) -> dict[str, Any]:
    """Return what the admin's frame needs: the title, the way back, and the dataset that the page is about."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": Dataset._meta,
        "original": dataset,
        "dataset": dataset,
        "is_fullwidth": "1",
        "may_change": request.user.has_perm("monitoring.change_dataset"),
    }


@permission_required("monitoring.view_dataset", raise_exception=True)
@require_safe
def dataset_view(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Show a version (`?version=2`; the newest), with the items that the filters leave."""
    dataset = get_object_or_404(Dataset, pk=dataset_id)
    newest = latest_version(dataset)
    version = _version(request, newest)
    items = dataset.items.in_version(version)
    filters = Filters.of(request.GET)
    page = Paginator(filters.apply(items).with_relevant(), ITEMS_SHOWN).get_page(request.GET.get("page"))
    versions = dataset.versions.select_related("created_by")
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        **page_context(request, dataset.name, dataset=dataset),
        "newest": newest,
        "version": version,
        "is_newest": version == newest,
        "splits": split_counts(dataset, version),
        "versions": versions[:VERSIONS_SHOWN],
        "earlier_versions": versions[VERSIONS_SHOWN:],
        "generations": Generation.objects.for_list().filter(dataset=dataset)[:VERSIONS_SHOWN],
        "run_count": dataset.runs.count(),
        "choices": choices_of(items),
        "filters": filters,
        "is_filtered": bool(filters.named()),
        "page": page,
        "query": query.urlencode(),
        "may_evaluate": request.user.has_perm("monitoring.add_evaluationrun"),
        "may_delete": request.user.has_perm("monitoring.delete_dataset"),
    }
    return render(request, "admin/monitoring/dataset/dataset.html", context)


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_POST
def describe_view(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Say what a dataset is for; no version, since no item changes."""
    dataset = get_object_or_404(Dataset, pk=dataset_id)
    describe_dataset(dataset=dataset, description=request.POST.get("description", ""))
    messages.success(request, "The description is kept.")
    return HttpResponseRedirect(dataset.get_absolute_url())


def _version(request: HttpRequest, newest: int) -> int:
    text = request.GET.get("version", "")
    if not text:
        return newest
    if not text.isdecimal() or not 1 <= int(text[:9]) <= newest:
        raise Http404(f"There is no version {text}.")
    return int(text)
