"""What people do with a run: cancel it, resume it, and make its config the default. All is in the admin's history."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from chat.services.configs import make_default
from monitoring.evaluation.runs import cancel_run, resume_run
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationRun


@permission_required("monitoring.change_evaluationrun", raise_exception=True)
@require_POST
def cancel_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask for a run to be stopped; what is finished stays."""
    run = get_object_or_404(EvaluationRun, pk=run_id)
    if run.is_finished:
        messages.warning(request, f"{run} is not going on: there is nothing to cancel.")
    else:
        cancel_run(run=run)
        note(request, run, "Cancelled.")
    return HttpResponseRedirect(run.get_absolute_url())


@permission_required("monitoring.change_evaluationrun", raise_exception=True)
@require_POST
def resume_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let a run go on where it was; items that failed are asked again."""
    run = get_object_or_404(EvaluationRun, pk=run_id)
    try:
        resume_run(run=run)
    except EvaluationError as error:
        messages.error(request, str(error))
    else:
        note(request, run, "Resumed.")
    return HttpResponseRedirect(run.get_absolute_url())


@permission_required(["monitoring.view_evaluationrun", "chat.change_pipelineconfig"], raise_exception=True)
@require_POST
def make_default_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let the config of a run answer from now on where nothing else is chosen."""
    run = get_object_or_404(EvaluationRun.objects.select_related("config", "dataset"), pk=run_id)
    make_default(config=run.config)
    note(request, run.config, f"Made the default, going by evaluation run {run.pk} on {run.dataset}.")
    note(request, run, f"Made its config {run.config} the default.")
    messages.success(request, f"{run.config} answers from now on.")
    return HttpResponseRedirect(run.get_absolute_url())


def note(request: HttpRequest, row: Any, message: str, *, flag: int = CHANGE) -> None:
    """Write a line into the admin's history of a row."""
    who = request.user.pk or 0  # 0 is nobody's: only people who signed in come here
    LogEntry.objects.log_actions(who, [row], flag, change_message=message, single_object=True)
