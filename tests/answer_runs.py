"""Answer runs for tests, and what they said."""

from typing import Any

from monitoring.evaluation import runs
from monitoring.models import EvaluationRun, ItemScore


def start(dataset: Any, config: Any, **overrides: Any) -> EvaluationRun:
    """Start an answer run that the test works on itself."""
    values = {"dataset": dataset, "config": config, "kind": "ANSWER", "enqueue": False, **overrides}
    return runs.start_run(**values)


def scores(run: EvaluationRun, name: str) -> list[tuple[float | None, str]]:
    """Return (value, error) of each item by one measure."""
    return list(ItemScore.objects.filter(evaluation_item__run=run, name=name).values_list("value", "error"))
