"""Who examines the answers of a run."""

from collections.abc import Sequence

from monitoring.evaluation.answers import Examiner
from monitoring.models import EvaluationRun


def examiners_of(run: EvaluationRun) -> Sequence[Examiner]:
    """Return what is asked of each answer of a run, in order."""
    return ()
