"""Old traffic to be judged: ordered for a rule and a range of time, done when nothing in it waits for a verdict."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from monitoring.exceptions import JudgingError
from monitoring.judging.due import count_open
from monitoring.judging.rules import Window, WorkingRule, problem_of, working_rules
from monitoring.models import Backfill, JudgeRule

Status = Backfill.Status


def order_backfill(*, rule: JudgeRule, begin: datetime, end: datetime, user: Any = None) -> Backfill:
    """Have the turns of a range judged by a rule. Raises JudgingError for a rule that cannot judge, or a range that is
    none, has nothing due, or is ordered already."""
    if end <= begin:
        raise JudgingError("The end has to be after the begin.")
    if problem := problem_of(judge=rule.judge, model=rule.model):
        raise JudgingError(problem)
    if not rule.is_active:
        raise JudgingError(f'The rule "{rule}" is off. Switch it on first.')
    if rule.backfills.filter(status=Status.RUNNING, begin__lte=begin, end__gte=end).exists():
        raise JudgingError("These turns are being judged already.")
    total = count_in_range(rule, begin, end)
    if not total:
        raise JudgingError("Nothing is due in this range: no turn matches, or all have their verdicts.")
    return Backfill.objects.create(rule=rule, begin=begin, end=end, total_turns=total, created_by=user)


def cancel_backfill(*, backfill: Backfill) -> None:
    """Judge no more of it; verdicts that are there stay."""
    Backfill.objects.filter(pk=backfill.pk, status=Status.RUNNING).update(
        status=Status.CANCELLED, finished_at=timezone.now()
    )


def count_in_range(rule: JudgeRule, begin: datetime, end: datetime) -> int:
    """Return how many turns of a range have no final verdict by a rule. A few queries."""
    return count_open(_over(rule, begin, end))


def close_finished() -> int:
    """Mark the backfills in which nothing is open as done; return how many."""
    closed = 0
    for backfill in Backfill.objects.filter(status=Status.RUNNING).select_related("rule"):
        rules = _over(backfill.rule, backfill.begin, backfill.end)
        if rules and not count_open(rules):
            closed += Backfill.objects.filter(pk=backfill.pk, status=Status.RUNNING).update(
                status=Status.DONE, finished_at=timezone.now()
            )
    return closed


def _over(rule: JudgeRule, begin: datetime, end: datetime) -> Sequence[WorkingRule]:
    """Return a rule as it looks at a range; none when it cannot judge."""
    window = (Window(begin, end),)
    return [replace(working, windows=window) for working in working_rules(rules=[rule], newest=timedelta(0))]
