"""Starting runs: the form, and beside it how much that would be, which follows what one chooses."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import ADDITION
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from chat.exceptions import ChatError
from monitoring.admin.run_changes import note
from monitoring.admin.run_form import StartRunForm
from monitoring.admin.run_page import page_context
from monitoring.evaluation.estimate import Estimate, estimate_runs
from monitoring.evaluation.runs import start_run
from monitoring.models import EvaluationRun

PAGE = "admin/monitoring/evaluationrun/start.html"
PREFILLED = ("dataset", "split", "kind", "judge_model", "round_trip", "k", "item_limit", "repeat")


@permission_required("monitoring.add_evaluationrun", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def start_view(request: HttpRequest) -> HttpResponse:
    """Show the form, filled in by the address (`?config=1&split=TEST`), and start a run for each config."""
    form = StartRunForm(request.POST) if request.method == "POST" else StartRunForm(initial=_initial(request))
    wants_estimate = "estimate" in request.POST
    if request.method == "POST" and form.is_valid() and not wants_estimate:
        try:
            return HttpResponseRedirect(_started(request, form))
        except ChatError as error:
            form.add_error(None, str(error))
    context = {
        **page_context(request, "Start an evaluation"),
        "form": form,
        "estimate": estimate_of(form) if wants_estimate else None,
        "has_datasets": form.fields["dataset"].queryset.exists(),  # type: ignore[attr-defined] # a ModelChoiceField
    }
    return render(request, PAGE, context, status=422 if form.errors else 200)


@permission_required("monitoring.add_evaluationrun", raise_exception=True)
@require_POST
def estimate_view(request: HttpRequest) -> HttpResponse:
    """Return how much the form as it is would be; asked for at each change of it."""
    context = {"estimate": estimate_of(StartRunForm(request.POST))}
    return render(request, "admin/monitoring/evaluationrun/_estimate.html", context)


def estimate_of(form: StartRunForm) -> Estimate | None:
    """Return the size of what a form asks for; None while it is not complete."""
    if not form.is_valid():
        return None
    options = form.options()
    options.pop("k")
    version = form.cleaned_data["dataset"].latest
    return estimate_runs(configs=form.cleaned_data["configs"].select_related("embedder"), version=version, **options)


def _started(request: HttpRequest, form: StartRunForm) -> str:
    """Start all runs or none; return where to see them."""
    with transaction.atomic():
        runs = [
            start_run(config=config, user=request.user, **form.options()) for config in form.cleaned_data["configs"]
        ]
    for run in runs:
        note(request, run, "Started.", flag=ADDITION)
    if len(runs) == 1:
        return runs[0].get_absolute_url()
    messages.success(request, f"{len(runs)} runs wait for the worker. This page follows.")
    return reverse("admin:monitoring_evaluationrun_changelist")


def _initial(request: HttpRequest) -> dict[str, Any]:
    """Return what the address fills in: `?run=7` the settings of a run, `?config=1&dataset=2` these."""
    filled: dict[str, Any] = {}
    number = request.GET.get("run", "")
    if number.isdecimal() and (run := EvaluationRun.objects.filter(pk=number).first()):
        filled = {name: getattr(run, name) for name in PREFILLED} | {"configs": [run.config_id]}
    filled |= {name: request.GET[name] for name in PREFILLED if name in request.GET}
    configs = [number for number in request.GET.getlist("config") if number.isdecimal()]
    return filled | ({"configs": configs} if configs else {})
