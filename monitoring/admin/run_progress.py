"""How far runs have come, for pages that ask every two seconds while one of their runs goes on."""

from datetime import timedelta

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from monitoring.admin.run_cells import LIVE_COLUMNS, cell
from monitoring.admin.run_figures import with_figures
from monitoring.models import EvaluationRun

MOST_RUNS = 100
LONG_WAIT = timedelta(seconds=30)  # until a worker that has nothing else to do would have begun
FOLDER = "admin/monitoring/evaluationrun"


@permission_required("monitoring.view_evaluationrun", raise_exception=True)
@require_GET
def progress_view(request: HttpRequest) -> HttpResponse:
    """Return the cells of the runs `?run=…&run=…` as they are now, and what asks again while one goes on."""
    wanted = [int(number) for number in request.GET.getlist("run")[:MOST_RUNS] if number.isdecimal()]
    runs = with_figures(list(EvaluationRun.objects.for_list().filter(pk__in=wanted)))
    context = {
        "open_ids": [run.pk for run in runs if not run.is_finished],
        "cells": [cell(run, column, replaces=True) for run in runs for column in LIVE_COLUMNS],
    }
    return render(request, f"{FOLDER}/_progress.html", context)


@permission_required("monitoring.view_evaluationrun", raise_exception=True)
@require_GET
def going_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Return how far a run is; once it has ended, let its page be loaded anew."""
    run = get_object_or_404(EvaluationRun, pk=run_id)
    if run.is_finished:
        return HttpResponse(headers={"HX-Refresh": "true"})
    may_change = request.user.has_perm("monitoring.change_evaluationrun")
    context = {"run": run, "may_change": may_change, "waits_long": waits_long(run)}
    return render(request, f"{FOLDER}/_going.html", context)


def waits_long(run: EvaluationRun) -> bool:
    """Whether nobody has taken a run up for so long that one wonders why."""
    since = run.heartbeat_at or run.created_at
    return run.status == EvaluationRun.Status.QUEUED and since < timezone.now() - LONG_WAIT
