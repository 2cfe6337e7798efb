"""Replays on the review page: started by a click, and looked at every two seconds until they are green or red."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from chat.models import PipelineConfig
from monitoring.admin.review_form import Filled
from monitoring.admin.review_page import item_for, page
from monitoring.models import DatasetItem, Replay
from monitoring.reviewing.opinions import REVIEWING
from monitoring.reviewing.replay import start_replay

PARTIAL = "admin/monitoring/reviewitem/_replay.html"


@permission_required([*REVIEWING, "monitoring.add_replay"], raise_exception=True)
@require_POST
def start_view(request: HttpRequest, item_id: int, dataset_item_id: int) -> HttpResponse:
    """Put an item that was made from this conversation to a config; without one named, to the default."""
    item = item_for(item_id)
    items = DatasetItem.objects.current().filter(source_turn__conversation=item.conversation_id)
    dataset_item = get_object_or_404(items, pk=dataset_item_id)
    number = request.POST.get(f"config-{dataset_item_id}", "")
    chosen = {"pk": int(number)} if number.isdecimal() else {"is_default": True}
    config = get_object_or_404(PipelineConfig, **chosen)
    replay = start_replay(item=dataset_item, config=config, user=request.user)
    if not request.headers.get("HX-Request"):
        # Sent by the form, which has more to keep; or by the page of what is decided.
        filled = Filled.of(request.POST)
        return page(request, item, filled) if "round" in filled.data else HttpResponseRedirect(item.get_absolute_url())
    return render(request, PARTIAL, {"replay": replay})


@permission_required("monitoring.view_replay", raise_exception=True)
@require_safe
def replay_view(request: HttpRequest, replay_id: int) -> HttpResponse:
    """Return how a replay stands; while it runs, what is returned asks again."""
    replay = get_object_or_404(Replay.objects.select_related("config", "turn"), pk=replay_id)
    return render(request, PARTIAL, {"replay": replay})
