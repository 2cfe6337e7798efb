"""A reviewed turn into a dataset, by one click: from the form as it is filled in, or by what was decided."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from chat.exceptions import ChatError
from chat.models import PipelineConfig, Turn
from monitoring.admin.review_form import Filled
from monitoring.admin.review_page import item_for, page
from monitoring.admin.review_parts import made_items
from monitoring.models import DatasetItem, ReviewItem
from monitoring.reviewing.adding import add_to_dataset, dataset_names, decided_by
from monitoring.reviewing.opinions import REVIEWING

PARTIAL = "admin/monitoring/reviewitem/_dataset.html"


@permission_required([*REVIEWING, "monitoring.add_datasetitem"], raise_exception=True)
@require_POST
def add_view(request: HttpRequest, item_id: int, turn_id: int) -> HttpResponse:
    """Add a turn to the dataset that is named; what else is filled in stays as it is."""
    item = item_for(item_id)
    turn = get_object_or_404(Turn, pk=turn_id, conversation=item.conversation_id)
    filled = Filled.of(request.POST)
    name = filled.data.get(f"dataset-new-{turn_id}", "").strip() or filled.data.get(f"dataset-{turn_id}", "").strip()
    error, made = "", None
    try:
        made = _added(request, item, turn, filled, name)
    except ChatError as problem:
        error = str(problem)
    if request.headers.get("HX-Request"):
        return _partial(request, item, turn, filled, error)
    if error:
        messages.error(request, error)
    elif made is not None:
        messages.success(request, f"Added to {made.dataset}.")
    if "round" not in filled.data:  # not sent by the form, which has more to keep
        return HttpResponseRedirect(item.get_absolute_url())
    return page(request, item, filled, status=422 if error else 200)


def _added(request: HttpRequest, item: ReviewItem, turn: Turn, filled: Filled, name: str) -> DatasetItem:
    correction, labels = filled.correction(turn.pk), filled.labels(turn.pk)
    if "round" not in filled.data:  # it was decided before
        correction, labels = decided_by(item=item, turn=turn, reviewer=request.user)
    return add_to_dataset(
        turn=turn,
        dataset_name=name or dataset_names(request.user)[0],
        correction=correction,
        labels=labels,
        hit_ids=filled.hits.get(turn.pk, ()),
        is_answerable=not filled.is_unanswerable(turn.pk),
        author=request.user,
    )


def _partial(request: HttpRequest, item: ReviewItem, turn: Turn, filled: Filled, error: str) -> HttpResponse:
    context = {
        "item": item,
        "turn": turn,
        "items": made_items(item, [turn], request.user).get(turn.pk, ()),
        "datasets": dataset_names(request.user),
        "configs": PipelineConfig.objects.own().order_by("-is_default", "name", "-version"),
        "is_unanswerable": filled.is_unanswerable(turn.pk),
        "error": error,
        "in_form": "round" in filled.data,
    }
    return render(request, PARTIAL, context)  # 200 with an error too: htmx shows no other
