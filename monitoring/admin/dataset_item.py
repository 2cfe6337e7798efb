"""One item by hand: add it, look at it, correct it; and removing some. Each is a version."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from chat.exceptions import ChatError
from monitoring.admin.dataset_forms import ItemForm
from monitoring.admin.dataset_page import page_context
from monitoring.datasets.by_hand import add_by_hand, correct_by_hand, remove_items
from monitoring.models import Dataset, DatasetItem

PAGE = "admin/monitoring/dataset/item.html"


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def add_view(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Write an item."""
    dataset = get_object_or_404(Dataset, pk=dataset_id)
    form = ItemForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            change = add_by_hand(dataset=dataset, said=form.said(), author=request.user)
        except ChatError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The question is in {change.version} of {dataset}.")
            return HttpResponseRedirect(dataset.get_absolute_url())
    context = {**page_context(request, "Add a question", dataset=dataset), "form": form, "item": None}
    return render(request, PAGE, context, status=422 if form.errors else 200)


@permission_required("monitoring.view_dataset", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def item_view(request: HttpRequest, item_id: int) -> HttpResponse:
    """Show an item with all that is known of it; who may, corrects it here."""
    items = DatasetItem.objects.select_related("dataset", "collection").prefetch_related("relevant__document")
    item = get_object_or_404(items, pk=item_id)
    may_change = item.removed_in is None and request.user.has_perm("monitoring.change_dataset")
    form = ItemForm(request.POST or None, initial=_initial(item)) if may_change else None
    if form is not None and request.method == "POST" and form.is_valid():
        try:
            change = correct_by_hand(item=item, said=form.said(), author=request.user)
        except ChatError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The corrected question is in {change.version} of {item.dataset}.")
            return HttpResponseRedirect(item.dataset.get_absolute_url())
    context = {**page_context(request, "Question", dataset=item.dataset), "form": form, "item": item}
    return render(request, PAGE, context, status=422 if form is not None and form.errors else 200)


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_POST
def remove_view(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Remove the items that are marked."""
    dataset = get_object_or_404(Dataset, pk=dataset_id)
    ids = [int(number) for number in request.POST.getlist("item") if number.isdecimal()]
    if not ids:
        messages.warning(request, "No question is marked: there is nothing to remove.")
        return HttpResponseRedirect(dataset.get_absolute_url())
    try:
        change = remove_items(dataset=dataset, ids=ids, author=request.user)
    except ChatError as error:
        messages.error(request, str(error))
    else:
        noun = "question is" if change.removed == 1 else "questions are"
        messages.success(
            request, f"{change.removed} {noun} not in {change.version} any more; earlier versions have it."
        )
    return HttpResponseRedirect(dataset.get_absolute_url())


def _initial(item: DatasetItem) -> dict[str, Any]:
    return {
        "question": item.question,
        "expected_answer": item.expected_answer,
        "collection": item.collection_id,
        "documents": "\n".join(dict.fromkeys(relevant.source_id for relevant in item.relevant.all())),
        "is_answerable": item.is_answerable,
        "tags": ", ".join(item.tags),
        "split": item.split,
    }
