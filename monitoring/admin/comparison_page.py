"""The pages of blind comparisons in the admin: making one, and what people picked."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from monitoring.admin import charts
from monitoring.admin.comparison_form import ComparisonForm
from monitoring.admin.run_changes import note
from monitoring.exceptions import ComparisonError
from monitoring.experiments.comparing import (
    close_comparison,
    comparable_runs,
    create_comparison,
    next_pair,
    open_to_users,
    reopen_comparison,
)
from monitoring.experiments.standings import Standings, standings
from monitoring.models import Comparison, EvaluationRun
from monitoring.statistics.bradley_terry import Strength

FOLDER = "admin/monitoring/comparison"
WHOLE = charts.Axis(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class StrengthRow:
    """A run with its strength; None: nobody was shown it yet."""

    run: EvaluationRun
    strength: Strength | None
    whisker: charts.Whisker | None


def page_context(request: HttpRequest, title: str, comparison: Comparison | None = None) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": Comparison._meta,
        "original": comparison,
        "is_fullwidth": "1",
        "may_change": request.user.has_perm("monitoring.change_comparison"),
    }


@permission_required("monitoring.add_comparison", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def add_view(request: HttpRequest) -> HttpResponse:
    """Make a comparison; `?run=1&run=2&experiment=3` fills the form in."""
    initial = {"runs": request.GET.getlist("run"), "experiment": request.GET.get("experiment")}
    form = ComparisonForm(request.POST) if request.method == "POST" else ComparisonForm(initial=initial)
    if request.method == "POST" and form.is_valid():
        values = {**form.cleaned_data, "runs": list(form.cleaned_data["runs"])}
        try:
            comparison = create_comparison(**values, user=request.user)
        except ComparisonError as error:
            form.add_error(None, str(error))
        else:
            note(request, comparison, "Made.", flag=ADDITION)
            return HttpResponseRedirect(comparison.get_absolute_url())
    context = {
        **page_context(request, "New comparison"),
        "form": form,
        "has_runs": comparable_runs()[:2].count() == 2,
    }
    return render(request, f"{FOLDER}/form.html", context, status=422 if form.errors else 200)


@permission_required("monitoring.view_comparison", raise_exception=True)
@require_safe
def comparison_view(request: HttpRequest, comparison_id: int) -> HttpResponse:
    """Show what people picked."""
    related = Comparison.objects.select_related("experiment", "created_by")
    comparison = get_object_or_404(related, pk=comparison_id)
    runs = list(comparison.runs.select_related("config", "dataset").order_by("pk"))
    found = standings(comparison, runs)
    shown = next_pair(comparison=comparison, user=request.user)
    pick_url = reverse("compare:pick", args=[comparison.pk])
    context = {
        **page_context(request, comparison.name, comparison),
        "comparison": comparison,
        "runs": runs,
        "standings": found,
        "rows": strength_rows(runs, found),
        "shown": shown,
        "pick_url": pick_url,
        "address": request.build_absolute_uri(pick_url),
        "may_pick": request.user.has_perm("monitoring.add_preference"),
    }
    return render(request, f"{FOLDER}/comparison.html", context)


def strength_rows(runs: list[EvaluationRun], found: Standings) -> list[StrengthRow]:
    """Return the runs, the strongest first, those that nobody was shown last."""
    by_pk = {str(run.pk): run for run in runs}
    strengths = found.ranking.strengths if found.ranking else []
    rows = [StrengthRow(by_pk.pop(one.name), one, _whisker(one)) for one in strengths if one.name in by_pk]
    return [*rows, *(StrengthRow(run, None, None) for run in by_pk.values())]


def _whisker(one: Strength) -> charts.Whisker | None:
    if one.low is None or one.high is None:
        return None
    return charts.whisker(WHOLE, low=one.low, value=one.value, high=one.high, mark=0.5)


@permission_required("monitoring.change_comparison", raise_exception=True)
@require_POST
def change_view(request: HttpRequest, comparison_id: int) -> HttpResponse:
    """Close a comparison, take it up again, or open it to users or reviewers only."""
    comparison = get_object_or_404(Comparison, pk=comparison_id)
    match request.POST.get("do"):
        case "close":
            close_comparison(comparison=comparison)
            said = "Closed."
        case "reopen":
            reopen_comparison(comparison=comparison)
            said = "Taken up again."
        case "users":
            open_to_users(comparison=comparison, is_open=True)
            said = "Opened to users."
        case "reviewers":
            open_to_users(comparison=comparison, is_open=False)
            said = "Left to reviewers."
        case other:
            messages.error(request, f"“{other}” is nothing that can be done with a comparison.")
            return HttpResponseRedirect(comparison.get_absolute_url())
    note(request, comparison, said)
    messages.success(request, said)
    return HttpResponseRedirect(comparison.get_absolute_url())
