"""What rules spend in a day (UTC), and how much room their caps leave.

A verdict on its way counts as one call, and as the dearest of late in dollars, so that many at once cannot go past a
cap together. What died on its way counts too: it may have been paid. A cost that is not known is counted as such: it is
not zero, and no cap in dollars can hold it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from monitoring.models import JudgeRule

SPENDING_SQL = """
SELECT rule.id, spent.calls, spent.cost_usd, spent.unpriced, claims.starts, late.verdicts, late.dearest_usd
  FROM monitoring_judgerule AS rule
 CROSS JOIN LATERAL (
       SELECT COALESCE(sum(GREATEST(score.calls, score.attempts)), 0) AS calls,
              COALESCE(sum(score.cost_usd), 0) AS cost_usd,
              count(*) FILTER (WHERE score.cost_usd IS NULL) AS unpriced
         FROM monitoring_score AS score
        WHERE score.rule_id = rule.id
          AND score.source = 'JUDGE'
          AND score.updated_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
       ) AS spent
 CROSS JOIN LATERAL (
       SELECT COALESCE(sum(claim.starts), 0) AS starts
         FROM monitoring_judgeclaim AS claim
        WHERE claim.rule_id = rule.id
       ) AS claims
 CROSS JOIN LATERAL (
       SELECT count(*) AS verdicts, max(newest.cost_usd / GREATEST(newest.calls, 1)) AS dearest_usd
         FROM (
              SELECT score.cost_usd, score.calls
                FROM monitoring_score AS score
               WHERE score.rule_id = rule.id
                 AND score.source = 'JUDGE'
               ORDER BY score.updated_at DESC
               LIMIT 100
              ) AS newest
       ) AS late
 WHERE rule.id = ANY(%(rules)s)
"""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a rule spent today, and what is on its way."""

    calls: int
    cost_usd: Decimal  # of those whose cost is known
    unpriced: int  # verdicts whose cost is not
    in_flight: int
    verdicts: int  # of late, 100 at most
    dearest_usd: Decimal | None  # of these, for one call; None: no cost is known


def spending_of(rule_ids: Sequence[int]) -> dict[int, Spending]:
    """Return what rules spent today, by id. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SPENDING_SQL, {"rules": list(rule_ids)})
        return {row[0]: Spending(*row[1:]) for row in cursor.fetchall()}


def room_for(rule: JudgeRule, spending: Spending) -> int | None:
    """Return how many more verdicts may be begun by a rule at this moment; None: any number."""
    rooms = [_room_in_calls(rule.daily_cap_calls, spending), _room_in_dollars(rule.daily_cap_usd, spending)]
    limits = [room for room in rooms if room is not None]
    return max(0, min(limits)) if limits else None


def _room_in_calls(cap: int | None, spending: Spending) -> int | None:
    return None if cap is None else cap - spending.calls - spending.in_flight


def _room_in_dollars(cap: Decimal | None, spending: Spending) -> int | None:
    if cap is None:
        return None
    if spending.cost_usd >= cap:
        return 0
    if spending.dearest_usd is None:
        # Nothing is known of what a verdict costs: the first one tells, or that its cost is unknown.
        return None if spending.verdicts else 1 - spending.in_flight
    if not spending.dearest_usd:
        return None
    return int((cap - spending.cost_usd) / spending.dearest_usd) - spending.in_flight
