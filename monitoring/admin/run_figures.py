"""What the list of runs shows of each: means with their intervals, and what it cost. Means are worked out once and
kept, because the results of a finished run do not change."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.core.cache import cache

from monitoring.evaluation.report import cost_of
from monitoring.evaluation.results import load_results
from monitoring.models import EvaluationRun
from monitoring.statistics.intervals import Interval

MAIN_MEASURES = ("hit_rate", "mrr", "ndcg")


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The main measures that a run has, by name, and what it cost so far, None where that is unknown."""

    measures: Mapping[str, Interval]
    cost_usd: Decimal | None


def with_figures(runs: Sequence[EvaluationRun]) -> list[Any]:
    """Return the runs, each with its `figures`; without measures while it goes on. One query, and a few for each run
    that nobody has looked at since it ended."""
    ended = {_key(run): run for run in runs if run.is_finished}
    kept = cache.get_many(ended)
    fresh = {key: _plain(main_measures(run)) for key, run in ended.items() if key not in kept}
    if fresh:
        cache.set_many(fresh, timeout=None)
    shown: list[Any] = list(runs)  # rows with an attribute more
    for run in shown:
        means = {**kept, **fresh}.get(_key(run), {})
        run.figures = RunFigures({name: Interval(**mean) for name, mean in means.items()}, cost_of(run))
    return shown


def main_measures(run: EvaluationRun) -> dict[str, Interval]:
    """Work out the main measures of a run, without those of which nothing is scored."""
    results = load_results(run)
    found = {name: results.interval(name) for name in MAIN_MEASURES}
    return {name: interval for name, interval in found.items() if interval}


def _key(run: EvaluationRun) -> str:
    """Another key after a run was resumed."""
    return f"evaluation-means-1:{run.pk}:{run.status}:{run.done_items}:{run.finished_at}".replace(" ", "T")


def _plain(means: Mapping[str, Interval]) -> dict[str, Any]:
    """Return what a cache can keep longer than the classes live."""
    return {name: asdict(mean) for name, mean in means.items()}
