"""What the list of runs shows of each: means with their intervals, and what it cost. They are worked out once and kept,
because the results of a finished run do not change."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from django.core.cache import cache

from monitoring.evaluation.report import cost_of
from monitoring.evaluation.results import load_results
from monitoring.evaluation.statistics.intervals import Interval
from monitoring.models import EvaluationRun

MAIN_MEASURES = ("hit_rate", "mrr", "ndcg")


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The main measures that a run has, by name; `cost_usd` is None where it is unknown, or the run has just begun."""

    measures: Mapping[str, Interval] = field(default_factory=dict)
    cost_usd: Decimal | None = None


def with_figures(runs: Sequence[EvaluationRun]) -> list[Any]:
    """Return the runs, each with its `figures`; none while it goes on. One query, and a few for each run that nobody
    has looked at since it ended."""
    ended = {_key(run): run for run in runs if run.is_finished}
    kept = cache.get_many(ended)
    fresh = {key: _plain(figures_of(run)) for key, run in ended.items() if key not in kept}
    if fresh:
        cache.set_many(fresh, timeout=None)
    shown: list[Any] = list(runs)  # rows with an attribute more
    for run in shown:
        plain = {**kept, **fresh}.get(_key(run))
        run.figures = _figures(plain) if plain else RunFigures()
    return shown


def figures_of(run: EvaluationRun) -> RunFigures:
    """Work out the figures of a run."""
    results = load_results(run)
    found = {name: results.interval(name) for name in MAIN_MEASURES}
    return RunFigures({name: interval for name, interval in found.items() if interval}, cost_of(run))


def _key(run: EvaluationRun) -> str:
    """Another key after a run was resumed."""
    return f"evaluation-figures-1:{run.pk}:{run.status}:{run.done_items}:{run.finished_at}".replace(" ", "T")


def _plain(figures: RunFigures) -> dict[str, Any]:
    """Return what a cache can keep longer than the classes live."""
    return {"measures": {name: asdict(mean) for name, mean in figures.measures.items()}, "cost": figures.cost_usd}


def _figures(plain: Mapping[str, Any]) -> RunFigures:
    return RunFigures({name: Interval(**mean) for name, mean in plain["measures"].items()}, plain["cost"])
