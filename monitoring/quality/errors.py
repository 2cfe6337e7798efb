"""What each version of a judge misses and wrongly finds, handed to the reports, which correct failing rates by it.

The shares are weighted to all judged turns as on the page of a judge (weighting.py). A share of weighted turns is worth
fewer labels than there are: Kish's effective number, (sum of weights)^2 / sum of squares (Survey Sampling, 1965).
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from django.db.models import Max
from django.utils import timezone

from chat.models.conversation import Origin
from monitoring.judges.criteria import CRITERIA, Criterion
from monitoring.models import JudgeVersion, Score
from monitoring.quality.labelled import LIVE_ORIGINS, labelled_by_version
from monitoring.quality.weighting import Weighted, judged_turns, weigh
from monitoring.reports.judge_errors import JudgeError, store_judge_errors, stored_at

# Weights move with the traffic, slowly; labels count at once.
OLD_AFTER = timedelta(hours=6)


def refresh_judge_errors() -> int:
    """Find how each version errs where reviewers have labelled since, or it was found long ago; return how many can be
    corrected by. Two queries and three for each version with labels."""
    newest = Score.objects.by_reviewers().aggregate(newest=Max("updated_at"))["newest"]
    before = stored_at()
    if newest is None or (before is not None and before >= newest and before > timezone.now() - OLD_AFTER):
        return 0
    errors = [*_errors(LIVE_ORIGINS, is_synthetic=False), *_errors((Origin.SYNTHETIC,), is_synthetic=True)]
    store_judge_errors(errors)
    return len(errors)


def _errors(origins: Sequence[str], *, is_synthetic: bool) -> list[JudgeError]:
    versions = [version for version in JudgeVersion.objects.all() if version.criterion in CRITERIA]
    found = []
    for version, labelled in zip(versions, labelled_by_version(versions, origins=origins).values(), strict=True):
        criterion = CRITERIA[version.criterion]
        if labelled.turns and criterion.failing:
            judged = judged_turns(version, criterion, origins=origins)
            error = _error(version.pk, weigh(labelled.turns, judged, criterion), criterion, is_synthetic=is_synthetic)
            found += [error] if error else []
    return found


def _error(version_id: int, weighted: Weighted, criterion: Criterion, *, is_synthetic: bool) -> JudgeError | None:
    weights = np.asarray(weighted.weights, np.float64)
    truth = np.asarray([criterion.is_failing(turn.reviewer_label) for turn in weighted.turns], bool)
    said = np.asarray([criterion.is_failing(turn.judge_label) for turn in weighted.turns], bool)
    failing, others = weights * truth, weights * ~truth
    if not failing.any() or not others.any():
        return None
    return JudgeError(
        judge_version_id=version_id,
        is_synthetic=is_synthetic,
        sensitivity=float((failing * said).sum() / failing.sum()),
        specificity=float((others * ~said).sum() / others.sum()),
        failing_labels=float(failing.sum() ** 2 / (failing**2).sum()),
        other_labels=float(others.sum() ** 2 / (others**2).sum()),
    )
