"""What all pages of runs have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from monitoring.models import EvaluationRun

MOST_RUNS = 6  # side by side


def page_context(request: HttpRequest, title: str, *, run: EvaluationRun | None = None) -> dict[str, Any]:
    """Return what the admin's frame needs: the title, the way back, and the run that the page is about."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": EvaluationRun._meta,
        "original": run,
        "is_fullwidth": "1",
    }


def runs_asked_for(request: HttpRequest) -> list[EvaluationRun]:
    """Return the runs that the address names (`?run=2&run=1`), in its order and each once; the first few, where there
    are many."""
    wanted = [int(number) for number in request.GET.getlist("run") if number.isdecimal()]
    found = EvaluationRun.objects.for_list().in_bulk(wanted)
    return [found[pk] for pk in dict.fromkeys(wanted) if pk in found][:MOST_RUNS]
