"""Old traffic to be judged: ordered for a rule and a range of time, done when nothing in it waits for a verdict."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from monitoring.exceptions import JudgingError
from monitoring.judging.due import count_open
from monitoring.judging.rules import Window, problem_of, working_rules
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
    """Return how many turns of a range have no final verdict by a rule; 0 for a rule that cannot judge."""
    return sum(count_open(working, Window(begin, end)) for working in working_rules(rules=[rule]))


def close_finished() -> int:
    """Mark the backfills in which nothing is open as done; return how many. Those of a rule that cannot judge wait."""
    closed = 0
    for backfill in Backfill.objects.filter(status=Status.RUNNING).select_related("rule"):
        rule = backfill.rule
        can_judge = not problem_of(judge=rule.judge, model=rule.model)
        if can_judge and not count_in_range(rule, backfill.begin, backfill.end):
            closed += Backfill.objects.filter(pk=backfill.pk, status=Status.RUNNING).update(
                status=Status.DONE, finished_at=timezone.now()
            )
    return closed
