"""What the list of experiments says of each in a line."""

from collections.abc import Sequence
from typing import Any

from monitoring.experiments.results import latest_results
from monitoring.models import Experiment


def with_lines(experiments: Sequence[Any]) -> list[Any]:
    """Return the experiments, each with its `line`. A few queries for each that runs, or ran and is not concluded,
    unless somebody looked within the last minute."""
    for row in experiments:
        row.line = line(row)
    return list(experiments)


def line(experiment: Experiment) -> str:
    """Return the verdict of an experiment, or what was concluded from it."""
    if experiment.status == Experiment.Status.DRAFT:
        return "Not started."
    if experiment.status == Experiment.Status.CONCLUDED:
        won = f"“{experiment.winner.name}” won. " if experiment.winner else ""
        return f"{won}{experiment.conclusion}"
    return latest_results(experiment).verdict.text
