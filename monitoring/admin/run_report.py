"""One run: its measures, how their values are spread, where it does well and where not, and its worst items."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from monitoring.admin import charts
from monitoring.admin.measure_names import measure_label
from monitoring.admin.report_parts import MeasureRow, first_ranks, measure_rows, slice_tables, worst_page
from monitoring.admin.run_page import page_context
from monitoring.admin.run_progress import waits_long
from monitoring.evaluation.comparison import headline
from monitoring.evaluation.report import cost_of, main_measure
from monitoring.evaluation.results import RunResults, load_results
from monitoring.evaluation.slices import slices_of
from monitoring.models import EvaluationRun
from monitoring.models.evaluation import EvaluationRunQuerySet

COMPARED_AT_MOST = 20


@permission_required("monitoring.view_evaluationrun", raise_exception=True)
@require_GET
def report_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show a run; `?measure=` says what is spread, sliced and sorted by, `?page=` which of the worst items."""
    run = get_object_or_404(EvaluationRun.objects.for_list(), pk=run_id)
    results = load_results(run)
    rows = measure_rows(results)
    large = headline(results.values)
    failed = run.items.exclude(error="").count()
    may = request.user.has_perm
    context = {
        **page_context(request, f"{run.config} on {run.dataset}", run=run),
        "run": run,
        "rows": rows,
        "tiles": [row for row in rows if row.name in large],  # the rest is in the table below
        "failed": failed,
        "waits_long": waits_long(run),
        "may_resume": run.is_finished and (run.status != EvaluationRun.Status.DONE or failed > 0),
        "cost_usd": cost_of(run),
        "comparable": comparable(run)[:COMPARED_AT_MOST],
        "may_change": may("monitoring.change_evaluationrun"),
        "may_start": may("monitoring.add_evaluationrun"),
        "may_delete": may("monitoring.delete_evaluationrun"),
        "may_make_default": may("chat.change_pipelineconfig"),
        **(_details(request, results, rows) if rows else {}),
    }
    return render(request, "admin/monitoring/evaluationrun/report.html", context)


def comparable(run: EvaluationRun) -> EvaluationRunQuerySet:
    """Return finished runs on the same questions, the newest first."""
    same = EvaluationRun.objects.for_list().filter(
        dataset=run.dataset_id, version=run.version, split=run.split, k=run.k
    )
    return same.filter(status=EvaluationRun.Status.DONE).exclude(pk=run.pk)


def _details(request: HttpRequest, results: RunResults, rows: list[MeasureRow]) -> dict[str, Any]:
    """Return what follows the chosen measure."""
    wanted = request.GET.get("measure", "")
    measure = wanted if wanted in results.values else main_measure(results.values)
    values = results.values[measure]
    ranks = first_ranks(results.run)
    scored = {item_id for item_id, value in results.values.get("mrr", {}).items() if value is not None}
    page, worst = worst_page(results, measure, ranks, request.GET.get("page", "1"))
    return {
        "measure": next(row for row in rows if row.name == measure),
        "value_chart": charts.histogram(value for value in values.values() if value is not None),
        "rank_chart": charts.rank_chart(rank for item_id, rank in ranks.items() if item_id in scored),
        "slice_tables": slice_tables(slices_of(results, [measure]), measure, results.interval(measure)),
        "page": page,
        "worst": worst,
        "worst_query": f"measure={measure}",
        "run_query": f"?run={results.run.pk}",
        "columns": [(name, measure_label(name)) for name in results.values],
    }
