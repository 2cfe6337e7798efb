"""Runs as plain data, for JSON and the API: unknown is null, never zero."""

from collections.abc import Mapping
from typing import Any

from monitoring.evaluation.comparison import CandidateComparison
from monitoring.evaluation.report import RunSummary
from monitoring.models import EvaluationRun
from monitoring.statistics.comparison import Comparison
from monitoring.statistics.intervals import Interval


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


def comparison_as_dict(comparison: CandidateComparison, baseline: EvaluationRun) -> dict[str, Any]:
    """Return a candidate against the baseline, each measure with its difference and what is said of it."""
    return {
        "baseline": str(baseline.config),
        "baseline_run": baseline.pk,
        "common_items": comparison.common_items,
        "measures": comparisons_as_dict(comparison.measures),
        "left_out": dict(comparison.left_out),
    }


def comparisons_as_dict(measures: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return each measure with its difference and what is said of it."""
    return {
        name: {
            "baseline": measure.paired.baseline,
            "candidate": measure.paired.candidate,
            "difference": interval_as_dict(measure.paired.difference),
            "test": measure.paired.test,
            "p_value": measure.paired.p_value,
            "corrected_p_value": measure.corrected_p_value,
            "won": measure.paired.won,
            "lost": measure.paired.lost,
            "tied": measure.paired.tied,
            "noise_floor": measure.noise_floor,
            "outcome": measure.outcome,
        }
        for name, measure in measures.items()
    }


def interval_as_dict(interval: Interval | None) -> Mapping[str, float | int | None]:
    """Return a mean with its interval; nothing but nulls and n = 0 where no item is scored."""
    if interval is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}
