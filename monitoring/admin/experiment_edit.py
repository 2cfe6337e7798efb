"""Making and changing drafts of experiments: the form, and beside it how much traffic that takes."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from monitoring.admin.experiment_form import DraftForms, with_another_row
from monitoring.admin.experiment_plan import planned_of
from monitoring.exceptions import ExperimentError
from monitoring.experiments.lifecycle import save_draft
from monitoring.models import Experiment

FOLDER = "admin/monitoring/experiment"


def page_context(request: HttpRequest, title: str, experiment: Experiment | None = None) -> dict[str, Any]:
    """Return what the admin's frame needs, and what this person may do."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": Experiment._meta,
        "original": experiment,
        "is_fullwidth": "1",
        "may_change": request.user.has_perm("monitoring.change_experiment"),
        "may_run": request.user.has_perm("monitoring.run_experiment"),
    }


@permission_required("monitoring.add_experiment", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def add_view(request: HttpRequest) -> HttpResponse:
    """Make a draft."""
    return _form_page(request, None)


@permission_required("monitoring.change_experiment", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Change a draft."""
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    if experiment.is_fixed:
        messages.warning(request, "It was started, and what was started does not change. Make a copy to change it.")
        return HttpResponseRedirect(experiment.get_absolute_url())
    return _form_page(request, experiment)


@permission_required("monitoring.view_experiment", raise_exception=True)
@require_POST
def plan_view(request: HttpRequest) -> HttpResponse:
    """Return how much traffic takes what the form has; asked for at each change of it."""
    return render(request, f"{FOLDER}/_plan.html", {"plan": planned_of(DraftForms(request.POST))})


def _form_page(request: HttpRequest, experiment: Experiment | None) -> HttpResponse:
    more = next((name for name in ("variants", "guardrails") if f"more_{name}" in request.POST), "")
    data = with_another_row(request.POST, more) if more else request.POST
    forms = DraftForms(data if request.method == "POST" else None, experiment)
    asks_only = bool(more) or "plan" in request.POST
    if request.method == "POST" and not asks_only and forms.is_valid():
        try:
            saved = save_draft(**forms.draft(), by=request.user)
        except ExperimentError as error:
            forms.main.add_error(None, str(error))
        else:
            messages.success(request, f"“{saved}” is a draft. Nobody gets it before it is started.")
            return HttpResponseRedirect(saved.get_absolute_url())
    context = {
        **page_context(request, "Change an experiment" if experiment else "New experiment", experiment),
        "forms": forms,
        "plan": planned_of(forms) if "plan" in request.POST else None,
        "is_new": experiment is None,
    }
    has_errors = request.method == "POST" and not asks_only
    return render(request, f"{FOLDER}/form.html", context, status=422 if has_errors else 200)
