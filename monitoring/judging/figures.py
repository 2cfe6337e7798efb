"""What rules look at and what came of it, for pages: how many turns of the last 24 hours match, how many of them are
in the sample, judged or failed; what a verdict costs by what is known."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Avg
from django.utils import timezone

from chat.models import Turn
from monitoring.judges.registry import JUDGES
from monitoring.judging.due import MATCHING_SQL, parameters
from monitoring.judging.rules import Window, WorkingRule, problem_of, working_rules
from monitoring.judging.spending import Spending, spending_of
from monitoring.models import JudgeRule, Score

SHOWN = 5
RECENT_VERDICTS = 200
DAY = timedelta(hours=24)

COUNTS_SQL = (
    MATCHING_SQL
    + """
SELECT count(*) AS matching,
       count(*) FILTER (WHERE is_sampled) AS sampled,
       count(*) FILTER (WHERE is_sampled AND value IS NOT NULL) AS judged,
       count(*) FILTER (WHERE is_sampled AND score_id IS NOT NULL AND value IS NULL) AS failed
  FROM matching
"""
)

NEWEST_SQL = (
    MATCHING_SQL
    + """
SELECT turn_id
  FROM matching
 WHERE is_sampled
 ORDER BY finished_at DESC, turn_id DESC
 LIMIT %(limit)s
"""
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Turns of the last 24 hours, by one rule. `sampled` of those that match are to be judged."""

    matching: int = 0
    sampled: int = 0
    judged: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a list shows of a rule. `counts`: None where it cannot judge; `problem` says why."""

    counts: Counts | None
    spending: Spending
    problem: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would look at, were it as a form has it. `cost_usd`: of all it would judge; None: unknown."""

    turns: int
    counts: Counts
    newest: list[Turn]
    cost_usd: Decimal | None


def figures_of(rules: Iterable[JudgeRule]) -> dict[int, Figures]:
    """Return the figures of rules, by id. One query, and two for each rule that can judge."""
    rules = list(rules)
    window = Window(timezone.now() - DAY)
    counts = {working.rule.pk: _count(working, window) for working in working_rules(rules=rules)}
    spending = spending_of([rule.pk for rule in rules])
    problems = {rule.pk: problem_of(judge=rule.judge, model=rule.model) for rule in rules}
    return {rule.pk: Figures(counts.get(rule.pk), spending[rule.pk], problems[rule.pk]) for rule in rules}


def preview_of(rule: JudgeRule) -> Preview | None:
    """Return what a rule that may not be saved would look at; None for a judge that there is not. Five queries."""
    if rule.judge not in JUDGES:
        return None
    window = Window(timezone.now() - DAY)
    working = WorkingRule(rule, JUDGES[rule.judge], None, (window,))
    counts = _count(working, window)
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_SQL, {**parameters(working, window), "limit": SHOWN})
        ids = [row[0] for row in cursor.fetchall()]
    newest = Turn.objects.select_related("config", "collection").in_bulk(ids)
    turns = Turn.objects.filter(
        status=Turn.Status.DONE, finished_at__gte=window.begins_at, conversation__deleted_at__isnull=True
    )
    cost = cost_per_verdict(judge=rule.judge, model=rule.model)
    return Preview(
        turns.exclude(answer="").count(),
        counts,
        [newest[pk] for pk in ids if pk in newest],
        None if cost is None else cost * counts.sampled,
    )


def cost_per_verdict(*, judge: str, model: str) -> Decimal | None:
    """Return what a verdict of a judge cost lately, in the mean of those whose cost is known; None: of none is."""
    if judge in JUDGES and JUDGES[judge].family == "offline":
        return Decimal(0)
    scores = Score.objects.by_judges().filter(judge_version__judge=judge, judge_version__model=model)
    recent = scores.filter(cost_usd__isnull=False, calls__gt=0).order_by("-pk")[:RECENT_VERDICTS]
    mean: Decimal | None = Score.objects.filter(pk__in=list(recent.values_list("pk", flat=True))).aggregate(
        mean=Avg("cost_usd")
    )["mean"]
    return mean


def _count(working: WorkingRule, window: Window) -> Counts:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS_SQL, parameters(working, window))
        return Counts(*cursor.fetchone())
