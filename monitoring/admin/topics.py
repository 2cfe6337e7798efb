"""Topics: what users ask and where answers fail, the page of one topic, and ordering new ones."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from chat.admin.base import OwnPages, RecordAdmin
from monitoring.admin.topics_form import TopicsForm
from monitoring.exceptions import TopicError
from monitoring.models import Topic, TopicRun
from monitoring.topics.figures import ORDERS, Order, figures_of, topic_figures
from monitoring.topics.orders import cancel_run, start_run

FOLDER = "admin/monitoring/topicrun"
TOPICS_SHOWN, RUNS_SHOWN, EXAMPLES_SHOWN = 50, 10, 20


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": TopicRun._meta,
        "is_fullwidth": "1",
        "may_start": request.user.has_perm("monitoring.add_topicrun"),
    }


@permission_required("monitoring.view_topicrun", raise_exception=True)
@require_safe
def topics_view(request: HttpRequest) -> HttpResponse:
    """Show the topics of the newest run that is done, or of `?run=`, in the order `?sort=`."""
    wanted = request.GET.get("run", "")
    runs = TopicRun.objects.done()
    run = get_object_or_404(TopicRun, pk=wanted) if wanted.isdecimal() else runs.first()
    sort = request.GET.get("sort", "")
    order: Order = sort if sort in ORDERS else "trouble"
    topics = topic_figures(run, order) if run and run.status == TopicRun.Status.DONE else []
    context = {
        **_context(request, "Topics"),
        "run": run,
        "runs": list(runs[:RUNS_SHOWN]),
        "going": TopicRun.objects.open().first(),
        "failed": TopicRun.objects.first(),
        "topics": Paginator(topics, TOPICS_SHOWN).get_page(request.GET.get("page")),
        "grouped": sum(topic.asked for topic in topics),
        "counted": run.members.filter(is_before=False).count() if run else 0,
        "largest": max((topic.asked for topic in topics), default=0),
        "order": order,
        "orders": ORDERS,
        "form": TopicsForm(),
    }
    return render(request, f"{FOLDER}/topics.html", context)


@permission_required("monitoring.view_topicrun", raise_exception=True)
@require_safe
def topic_view(request: HttpRequest, topic_id: int) -> HttpResponse:
    """Show a topic: its figures, and its most typical questions."""
    topic = get_object_or_404(Topic.objects.select_related("run"), pk=topic_id)
    members = topic.members.filter(is_before=False, turn__question__gt="", similarity__isnull=False)
    shown = members.select_related("turn").defer("turn__answer", "vector").order_by("-similarity", "pk")
    context = {
        **_context(request, "Topic"),
        "topic": topic,
        "run": topic.run,
        "figures": figures_of(topic),
        "members": shown[:EXAMPLES_SHOWN],
        "turns_url": f"{reverse('admin:chat_turn_changelist')}?topic={topic.pk}",
    }
    return render(request, f"{FOLDER}/topic.html", context)


@permission_required("monitoring.add_topicrun", raise_exception=True)
@require_POST
def start_view(request: HttpRequest) -> HttpResponse:
    """Order the questions of the last days to be grouped."""
    form = TopicsForm(request.POST)
    if not form.is_valid():
        messages.error(request, "; ".join(str(error) for errors in form.errors.values() for error in errors))
    else:
        try:
            start_run(days=int(form.cleaned_data["days"]), origin=form.cleaned_data["origin"], user=request.user)
        except TopicError as error:
            messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:monitoring_topicrun_changelist"))


@permission_required("monitoring.change_topicrun", raise_exception=True)
@require_POST
def cancel_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask for a stop."""
    cancel_run(run=get_object_or_404(TopicRun, pk=run_id))
    return HttpResponseRedirect(reverse("admin:monitoring_topicrun_changelist"))


@permission_required("monitoring.view_topicrun", raise_exception=True)
@require_GET
def going_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Return how far a run is; once it has ended, let its page be loaded anew."""
    run = get_object_or_404(TopicRun, pk=run_id)
    if not run.is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {"run": run, "may_change": request.user.has_perm("monitoring.change_topicrun")}
    return render(request, f"{FOLDER}/_going.html", context)


@admin.register(TopicRun)
class TopicRunAdmin(RecordAdmin):
    """The list of runs is the list of topics of one of them."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return topics_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = get_object_or_404(TopicRun, pk=int(object_id) if object_id.isdecimal() else 0)
        return HttpResponseRedirect(run.get_absolute_url())

    def own_pages(self) -> OwnPages:
        return {
            "topic/<int:topic_id>/": ("topic", topic_view),
            "start/": ("start", start_view),
            "<int:run_id>/cancel/": ("cancel", cancel_view),
            "<int:run_id>/going/": ("going", going_view),
        }
