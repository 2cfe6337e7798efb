"""Questions made from documents: the form with what it would cost, how far an order is, what was dropped and why."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from chat.admin.base import OwnPages, RecordAdmin
from chat.exceptions import ChatError
from chat.models import Collection
from monitoring.admin.dataset_forms import GenerateForm
from monitoring.admin.dataset_page import page_context
from monitoring.exceptions import DatasetError
from monitoring.models import GeneratedQuestion, Generation
from monitoring.synthetic.orders import resume_generation, start_generation, stop_generation
from monitoring.synthetic.planning import Estimate, estimate_wish
from monitoring.synthetic.summary import summarise

FOLDER = "admin/monitoring/generation"
QUESTIONS_SHOWN = 50
GOING = (Generation.Status.QUEUED, Generation.Status.RUNNING)


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def generate_view(request: HttpRequest) -> HttpResponse:
    """Show the form, and have the worker make the questions."""
    form = GenerateForm(request.POST or None, initial={"name": request.GET.get("name", "")})
    wants_estimate = "estimate" in request.POST
    if request.method == "POST" and form.is_valid() and not wants_estimate:
        try:
            generation = start_generation(
                dataset_name=form.cleaned_data["name"].strip(),
                collection=form.cleaned_data["collection"],
                wish=form.wish(),
                author=request.user,
            )
            return HttpResponseRedirect(generation.get_absolute_url())
        except ChatError as error:
            form.add_error(None, str(error))
    context = {
        **page_context(request, "Make questions from documents"),
        "form": form,
        "estimate": _estimate(form) if wants_estimate else None,
        "has_collections": Collection.objects.exists(),
    }
    return render(request, f"{FOLDER}/start.html", context, status=422 if form.errors else 200)


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_POST
def estimate_view(request: HttpRequest) -> HttpResponse:
    """Return how much the form as it is would be; asked for at each change of it."""
    return render(request, f"{FOLDER}/_estimate.html", {"estimate": _estimate(GenerateForm(request.POST))})


def _estimate(form: GenerateForm) -> Estimate | None:
    """Return what a form asks for would take; None while it is not complete, or cannot be."""
    if not form.is_bound or set(form.errors) - {"name"}:
        return None
    try:
        return estimate_wish(collection=form.cleaned_data["collection"], wish=form.wish())
    except ChatError:
        return None


@permission_required("monitoring.view_dataset", raise_exception=True)
@require_safe
def generation_view(request: HttpRequest, generation_id: int) -> HttpResponse:
    """Show an order: its numbers, and its questions by what became of them (`?outcome=COPIED`)."""
    generation = get_object_or_404(
        Generation.objects.select_related("dataset", "collection", "created_by"), pk=generation_id
    )
    rows = generation.questions.select_related("task").order_by("pk")
    outcome = request.GET.get("outcome", "")
    if outcome == "DROPPED":
        rows = rows.exclude(outcome__in=[GeneratedQuestion.Outcome.KEPT, GeneratedQuestion.Outcome.WAITING])
    elif outcome:
        rows = rows.filter(outcome=outcome)
    failed = generation.tasks.exclude(error="").order_by("position")
    context = {
        **page_context(request, str(generation), dataset=generation.dataset),
        "generation": generation,
        "is_going": generation.status in GOING,
        "numbers": summarise(generation),
        "outcome": outcome,
        "page": Paginator(rows, QUESTIONS_SHOWN).get_page(request.GET.get("page")),
        "errors": failed[:10],
        "error_count": failed.count(),
    }
    return render(request, f"{FOLDER}/generation.html", context)


@permission_required("monitoring.view_dataset", raise_exception=True)
@require_GET
def going_view(request: HttpRequest, generation_id: int) -> HttpResponse:
    """Return how far an order is; once it has ended, let its page be loaded anew."""
    generation = get_object_or_404(Generation, pk=generation_id)
    if generation.status not in GOING:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {
        "generation": generation,
        "numbers": summarise(generation),
        "may_change": request.user.has_perm("monitoring.change_dataset"),
    }
    return render(request, f"{FOLDER}/_going.html", context)


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_POST
def stop_view(request: HttpRequest, generation_id: int) -> HttpResponse:
    """Ask for a stop; what is done stays, and can go on."""
    generation = get_object_or_404(Generation, pk=generation_id)
    stop_generation(generation=generation)
    return HttpResponseRedirect(generation.get_absolute_url())


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_POST
def resume_view(request: HttpRequest, generation_id: int) -> HttpResponse:
    """Let the worker go on."""
    generation = get_object_or_404(Generation, pk=generation_id)
    try:
        resume_generation(generation=generation)
    except DatasetError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(generation.get_absolute_url())


@admin.register(Generation)
class GenerationAdmin(RecordAdmin):
    """Found from its dataset; it has no list of its own in the menu."""

    list_display = ("dataset", "collection", "model", "status", "created_at")
    list_select_related = ("dataset", "collection")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("monitoring.view_dataset")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return generation_view(request, int(object_id) if object_id.isdecimal() else 0)

    def own_pages(self) -> OwnPages:
        return {
            "start/": ("start", generate_view),
            "estimate/": ("estimate", estimate_view),
            "<int:generation_id>/going/": ("going", going_view),
            "<int:generation_id>/stop/": ("stop", stop_view),
            "<int:generation_id>/resume/": ("resume", resume_view),
        }
