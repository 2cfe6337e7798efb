"""Runs as plain data, for JSON and the API: unknown is null, never zero."""

from collections.abc import Mapping
from typing import Any

from monitoring.evaluation.report import RunSummary
from monitoring.evaluation.statistics.intervals import Interval


def run_as_dict(summary: RunSummary) -> dict[str, Any]:
    """Return a run with all its measures, each with value, low, high and n."""
    run = summary.run
    return {
        "config": str(run.config),
        "name": run.config.name,
        "version": run.config.version,
        "dataset": run.dataset.name,
        "dataset_version": run.version,
        "split": run.split.lower(),
        "k": run.k,
        "repeat": run.repeat,
        **{name: interval_as_dict(measure.interval) for name, measure in summary.measures.items()},
        "unscored": {name: measure.unscored for name, measure in summary.measures.items()},
        "reasons": {name: dict(measure.reasons) for name, measure in summary.measures.items() if measure.reasons},
        "items": summary.items,
        "failed": summary.failed,
        "seconds": run.duration_seconds,
        "cost_usd": None if summary.cost_usd is None else float(summary.cost_usd),
        "corpus_chunks": run.corpus_chunks,
        "status": run.status,
        "run": run.pk,
    }


def interval_as_dict(interval: Interval | None) -> Mapping[str, float | int | None]:
    """Return a mean with its interval; nothing but nulls and n = 0 where no item is scored."""
    if interval is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}
