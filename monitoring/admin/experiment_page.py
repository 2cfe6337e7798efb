"""The page of an experiment: the verdict first, then what it rests on."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from chat.models.conversation import Origin
from monitoring.admin.experiment_chart import charts_of
from monitoring.admin.experiment_edit import FOLDER, page_context
from monitoring.admin.experiment_plan import planned_for
from monitoring.admin.experiment_tables import tables_of, variant_rows
from monitoring.experiments.buckets import room
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.results import latest_results
from monitoring.models import EvaluationRun, Experiment, Pin, Variant
from monitoring.models.experiments import BUCKETS


@permission_required("monitoring.view_experiment", raise_exception=True)
@require_safe
def experiment_view(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Show an experiment; `?kpi=` chooses the figure of the chart."""
    variants = Prefetch("variants", Variant.objects.select_related("config"))
    related = Experiment.objects.select_related("winner__config", "created_by", "justified_by__config")
    rows = related.prefetch_related(variants, "guardrails", "collections", "groups")
    experiment = get_object_or_404(rows, pk=experiment_id)
    pins = list(Pin.objects.filter(experiment=experiment).select_related("user", "variant"))
    context = {
        **page_context(request, experiment.name, experiment),
        "experiment": experiment,
        "kpi": KPIS.get(experiment.primary_kpi),
        "traffic": experiment.traffic / BUCKETS,
        "pins": pins,
        "own_pin": next((pin for pin in pins if pin.user_id == request.user.pk), None),
        "may_preview": experiment.status in (Experiment.Status.DRAFT, Experiment.Status.RUNNING),
        "may_make_default": request.user.has_perms(["monitoring.run_experiment", "chat.change_pipelineconfig"]),
        "may_compare": request.user.has_perm("monitoring.add_comparison"),
        "may_remove": request.user.has_perm("monitoring.delete_experiment"),
        "may_copy": request.user.has_perm("monitoring.add_experiment"),
        "comparisons": list(experiment.comparisons.all()),
        "offline_url": offline_url(experiment),
    }
    if experiment.origin == Origin.SYNTHETIC:  # what is made up is only looked at
        context |= dict.fromkeys([name for name in context if name.startswith("may_")], False)
    if experiment.is_fixed:
        return render(request, f"{FOLDER}/experiment.html", {**context, **_results(request, experiment)})
    now = room()
    context |= {"room": now, "has_room": now.largest >= experiment.traffic, "plan": planned_for(experiment)}
    return render(request, f"{FOLDER}/draft.html", context)


def offline_url(experiment: Experiment) -> str:
    """Return where the run that justified an experiment is compared with the newest one of the control on the same
    questions, or else the run's own page; empty where there is none."""
    run = experiment.justified_by
    control = next((row for row in experiment.variants.all() if row.is_control), None)
    if run is None or control is None:
        return ""
    same = {name: getattr(run, name) for name in ("dataset_id", "version", "split", "kind", "k")}
    other = EvaluationRun.objects.filter(**same, config=control.config_id).exclude(pk=run.pk).first()
    if other is None:
        return run.get_absolute_url()
    query = urlencode([("run", other.pk), ("run", run.pk)])
    return f"{reverse('admin:monitoring_evaluationrun_compare')}?{query}"


def _results(request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
    found = latest_results(experiment)
    chosen = KPIS.get(request.GET.get("kpi", ""), found.primary)
    verdict = found.verdict
    suggested = verdict.variant_id if verdict.kind == "better" else None
    return {
        "results": found,
        "rows": variant_rows(experiment, found),
        "tables": tables_of(found),
        "charts": charts_of(experiment, found, chosen),
        "chart_kpi": chosen,
        "chart_kpis": list(KPIS.values()),
        "suggested": suggested,
        "learned": verdict.text.replace(", safe to stop", "") if verdict.is_final else "",
        "is_default": bool(experiment.winner and experiment.winner.config.is_default),
    }
