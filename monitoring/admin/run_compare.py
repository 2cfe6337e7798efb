"""Two or more runs side by side: the first is the baseline, the others are held against it."""

from collections.abc import Sequence
from typing import Any, get_args

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from monitoring.admin.compare_parts import ComparedRun, Shown, changed, compared_run
from monitoring.admin.measure_names import measure_label
from monitoring.admin.run_page import MOST_RUNS, page_context, runs_asked_for
from monitoring.evaluation.comparison import check_comparable, compare_runs
from monitoring.evaluation.results import RunResults, load_results
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationRun

PAGE = "admin/monitoring/evaluationrun/compare.html"
CHANGES_ON_A_PAGE = 20


@permission_required("monitoring.view_evaluationrun", raise_exception=True)
@require_POST
def choose_view(request: HttpRequest) -> HttpResponse:
    """Go on to the comparison of the runs that were marked in the list; the oldest of them is the baseline."""
    marked = sorted({int(number) for number in request.POST.getlist("_selected_action") if number.isdecimal()})
    if not 2 <= len(marked) <= MOST_RUNS:
        messages.warning(request, f"Mark two runs or more to compare them, at most {MOST_RUNS}.")
        return HttpResponseRedirect(reverse("admin:monitoring_evaluationrun_changelist"))
    query = urlencode([("run", number) for number in marked])
    return HttpResponseRedirect(f"{reverse('admin:monitoring_evaluationrun_compare')}?{query}")


@permission_required("monitoring.view_evaluationrun", raise_exception=True)
@require_GET
def compare_view(request: HttpRequest) -> HttpResponse:
    """Compare the runs `?run=1&run=2`, the first being the baseline; `?measures=all` compares all measures.

    `?candidate=`, `?measure=`, `?show=lost|won|all` and `?page=` say which questions are listed.
    """
    runs = runs_asked_for(request)
    context = {**page_context(request, "Compare runs"), "runs": runs, "orders": _orders(runs)}
    try:
        check_comparable(runs)
        results = [load_results(run) for run in runs]
        names = tuple(results[0].values) if request.GET.get("measures") == "all" else ()
        comparison = compare_runs(runs, measures=names)
    except EvaluationError as error:
        return render(request, PAGE, {**context, "error": str(error)}, status=422)
    compared = [
        compared_run(one, results[0], other) for one, other in zip(comparison.candidates, results[1:], strict=True)
    ]
    context |= {
        "baseline": runs[0],
        "compared": compared,
        "has_all": bool(names),
        "baseline_query": _orders(runs)[0][1],
    }
    if compared and all(one.rows for one in compared):
        context |= _changes(request, results, compared)
    else:
        context |= {"error": "These runs have no scored question in common."}
    return render(request, PAGE, context)


def _orders(runs: Sequence[EvaluationRun]) -> list[tuple[EvaluationRun, str]]:
    """Return each run with the address where it is the baseline."""
    return [
        (run, urlencode([("run", one.pk) for one in [run, *(other for other in runs if other != run)]])) for run in runs
    ]


def _changes(request: HttpRequest, results: Sequence[RunResults], compared: Sequence[ComparedRun]) -> dict[str, Any]:
    """Return the questions on which the chosen candidate differs from the baseline by the chosen measure."""
    number = request.GET.get("candidate", "")
    chosen = next((place for place, one in enumerate(compared) if str(one.run.pk) == number), 0)
    names = [row.name for row in compared[chosen].rows]
    asked = request.GET.get("measure", "")
    measure = asked if asked in names else "mrr" if "mrr" in names else names[0]
    show: Shown = next((one for one in get_args(Shown) if one == request.GET.get("show")), "lost")
    found = changed(results[0], results[chosen + 1], measure)
    page = Paginator(found[show], CHANGES_ON_A_PAGE).get_page(request.GET.get("page"))
    query = [("run", str(result.run.pk)) for result in results]
    query += [("measures", "all")] if request.GET.get("measures") == "all" else []
    return {
        "candidate": compared[chosen].run,
        "measure": measure,
        "measure_label": measure_label(measure),
        "show": show,
        "shows": [
            ("lost", "Regressions", len(found["lost"])),
            ("won", "Improvements", len(found["won"])),
            ("all", "All changes", len(found["all"])),
        ],
        "measures": [(name, measure_label(name)) for name in names],
        "page": page,
        "query": urlencode(query),
        "chosen": urlencode([*query, ("candidate", compared[chosen].run.pk), ("measure", measure), ("show", show)]),
        "pair": urlencode([("run", results[0].run.pk), ("run", compared[chosen].run.pk)]),
    }
