"""The gate: a judge is advisory until people have shown that it agrees with them, and again when they show otherwise.

PROVEN is a version with JUDGE_MIN_LABELS labelled turns or more whose kappa interval lies above JUDGE_MIN_KAPPA.
Another prompt, model or setting is another version, which nobody has held against people yet. This is the only writer
of JudgeVersion.standing; each change is in the admin's history.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from monitoring.judges.criteria import CRITERIA
from monitoring.models import JudgeVersion
from monitoring.quality.agreement import kappa_figure, tables_of
from monitoring.quality.figures import Figure
from monitoring.quality.labelled import Labelled, labelled_by_version, labelled_turns

Standing = JudgeVersion.Standing
# The author of what no person did, as the admin's history wants one. Nobody can sign in by it, or register it.
SYSTEM_USERNAME = "(ragsite)"


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a version stands by its labelled turns, and why, in words."""

    standing: JudgeVersion.Standing
    labels: int
    kappa: Figure
    reason: str


def gate_of(version: JudgeVersion, labelled: Labelled) -> Gate:
    """Return where a version stands by its labelled turns."""
    criterion = CRITERIA.get(version.criterion)
    if criterion is None or not criterion.labels or not criterion.for_reviewers:
        reason = "Reviewers do not label what it judges, so it stays advisory."
        return Gate(Standing.ADVISORY, 0, Figure(None, reason), reason)
    turns, least = labelled.turns, settings.JUDGE_MIN_LABELS
    pairs = [(turn.reviewer_label, turn.judge_label) for turn in turns]
    tables = tables_of(pairs, [turn.conversation_id for turn in turns], criterion)
    kappa = kappa_figure(tables.weighted, len(turns))
    if (missing := least - len(turns)) > 0:
        reason = f"{missing} more {'label' if missing == 1 else 'labels'}, then it is decided ({least} are needed)."
        return Gate(Standing.ADVISORY, len(turns), kappa, reason)
    if kappa.interval is None or kappa.low is None:
        return Gate(Standing.ADVISORY, len(turns), kappa, kappa.reason)
    bar = f"{settings.JUDGE_MIN_KAPPA:g}"
    if kappa.low > settings.JUDGE_MIN_KAPPA:
        reason = f"Kappa is {kappa.low:.3f} or more, above the bar of {bar}, on {len(turns)} labels."
        return Gate(Standing.PROVEN, len(turns), kappa, reason)
    reason = f"Kappa may be as low as {kappa.low:.3f}; above {bar} is needed. " + (
        "More labels narrow the interval."
        if kappa.interval.value > settings.JUDGE_MIN_KAPPA
        else "More labels alone will hardly help: it agrees too little with people."
    )
    return Gate(Standing.ADVISORY, len(turns), kappa, reason)


def refresh_standing(version: JudgeVersion) -> JudgeVersion.Standing:
    """Decide where a version stands by the labels that there are, and store it."""
    gate = gate_of(version, labelled_turns(version))
    _store(version, gate)
    return gate.standing


def refresh_all() -> int:
    """Decide for all versions; return how many changed."""
    return _refresh(JudgeVersion.objects.all())


def refresh_for_criteria(names: Iterable[str]) -> int:
    """Decide for the versions that judge by one of these criteria, as after a review; return how many changed."""
    return _refresh(JudgeVersion.objects.filter(criterion__in=list(names)))


def _refresh(versions: Iterable[JudgeVersion]) -> int:
    found = list(versions)
    labelled = labelled_by_version(found)
    return sum(_store(version, gate_of(version, labelled[version.pk])) for version in found)


def _store(version: JudgeVersion, gate: Gate) -> bool:
    """Store where a version stands; return whether that is a change. Of two processes only one makes it."""
    version.standing_checked_at = timezone.now()
    JudgeVersion.objects.filter(pk=version.pk).update(standing_checked_at=version.standing_checked_at)
    with transaction.atomic():
        others = JudgeVersion.objects.filter(pk=version.pk).exclude(standing=gate.standing)
        changed = others.update(standing=gate.standing) == 1
        if changed:
            message = f"{gate.standing.label.capitalize()}: {gate.reason}"
            author = system_author()
            LogEntry.objects.log_actions(author.pk, [version], CHANGE, change_message=message, single_object=True)
    version.standing = gate.standing
    return changed


def system_author() -> Any:
    """Return the account that the history names where no person did it; nobody can sign in with it."""
    users = get_user_model()._default_manager
    author, _ = users.get_or_create(username=SYSTEM_USERNAME, defaults={"is_active": False, "password": "!"})
    return author
