"""Who judges what: a claim on a turn and a judge version, with a lease that its process renews while it works.

Two processes never judge the same at once, and one that dies leaves a lease that ends. Whoever claims looks afterwards
whether there is a verdict by now (see material.py): what is due was looked up before, and another process may have
finished it since.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q

from monitoring.judging.due import Due
from monitoring.judging.spending import room_for, spending_of
from monitoring.models import JudgeClaim, JudgeRule

# A process that does not renew for so long is taken for dead.
LEASE_SECONDS = 60.0

CLAIM_SQL = """
INSERT INTO monitoring_judgeclaim AS claim (turn_id, judge_version_id, rule_id, token, starts, leased_until)
SELECT due.turn_id, due.version_id, due.rule_id, %(token)s, 1, now() + make_interval(secs => %(lease_seconds)s)
  FROM unnest(%(turns)s::bigint[], %(versions)s::bigint[], %(rules)s::bigint[]) AS due (turn_id, version_id, rule_id)
  JOIN chat_turn AS turn ON turn.id = due.turn_id
 ORDER BY due.turn_id, due.version_id
    ON CONFLICT (turn_id, judge_version_id) DO UPDATE
   SET token = EXCLUDED.token,
       rule_id = EXCLUDED.rule_id,
       starts = claim.starts + 1,
       leased_until = EXCLUDED.leased_until
 WHERE claim.leased_until < now()
RETURNING turn_id, judge_version_id, rule_id, starts
"""

RENEW_SQL = """
UPDATE monitoring_judgeclaim
   SET leased_until = now() + make_interval(secs => %(lease_seconds)s)
 WHERE token = %(token)s
"""

# What died after its verdict was there, or is not due any more, would count as on its way forever.
CLEAR_SQL = """
DELETE FROM monitoring_judgeclaim AS claim
 WHERE claim.leased_until < now()
   AND (claim.leased_until < now() - make_interval(hours => %(keep_hours)s)
        OR EXISTS (
           SELECT
             FROM monitoring_score AS score
            WHERE score.turn_id = claim.turn_id
              AND score.judge_version_id = claim.judge_version_id
              AND score.source = 'JUDGE'
              AND (score.value IS NOT NULL OR score.retry_at IS NULL)))
"""
KEEP_HOURS = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of a process to judge a turn by one judge version. `starts`: how often a process took it up."""

    turn_id: int
    version_id: int
    rule_id: int
    starts: int
    token: uuid.UUID


def claim_due(due: Sequence[Due], *, token: uuid.UUID, lease_seconds: float = LEASE_SECONDS) -> list[Claim]:
    """Claim as many of these as are free and the caps of their rules leave room for, and return them."""
    with transaction.atomic():
        allowed = _within_caps(due)
        if not allowed:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                CLAIM_SQL,
                {
                    "turns": [one.turn_id for one in allowed],
                    "versions": [one.version_id for one in allowed],
                    "rules": [one.rule_id for one in allowed],
                    "token": token,
                    "lease_seconds": lease_seconds,
                },
            )
            rows: list[tuple[int, int, int, int]] = cursor.fetchall()
    return [Claim(turn_id, version_id, rule_id, starts, token) for turn_id, version_id, rule_id, starts in rows]


def renew(token: uuid.UUID, *, lease_seconds: float = LEASE_SECONDS) -> None:
    """Say of all claims of a process that it lives."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW_SQL, {"token": token, "lease_seconds": lease_seconds})


def release(claims: Sequence[Claim]) -> None:
    """Give claims back without a verdict."""
    for claim in claims:
        JudgeClaim.objects.filter(turn_id=claim.turn_id, judge_version_id=claim.version_id, token=claim.token).delete()


def clear_claims() -> int:
    """Remove claims that ended and that nobody will take up; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(CLEAR_SQL, {"keep_hours": KEEP_HOURS})
        return int(cursor.rowcount)


def _within_caps(due: Sequence[Due]) -> list[Due]:
    """Return those that caps leave room for. Rules with a cap are locked until the claims are written, so that two
    processes cannot take the same room."""
    rules = JudgeRule.objects.filter(pk__in={one.rule_id for one in due}, is_active=True)
    active = set(rules.values_list("pk", flat=True))
    is_capped = Q(daily_cap_calls__isnull=False) | Q(daily_cap_usd__isnull=False)
    capped = {rule.pk: rule for rule in rules.filter(is_capped).order_by("pk").select_for_update(no_key=True)}
    spending = spending_of(list(capped)) if capped else {}
    rooms = {pk: room_for(rule, spending[pk]) for pk, rule in capped.items()}
    allowed, taken = [], Counter[int]()
    for one in due:
        room = rooms.get(one.rule_id)
        if one.rule_id in active and (room is None or taken[one.rule_id] < room):
            taken[one.rule_id] += 1
            allowed.append(one)
    return allowed
