"""Writing verdicts: the score, the calls that it took and the end of the claim in one transaction, so that whatever was
paid is either stored whole or due again. Verdicts that come at the same moment share a transaction.

What failed for a while is tried again, later each time, three times at most. Judges never write over a verdict that has
a value.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from chat.models import Turn
from chat.models.conversation import Origin
from chat.rag.config import LLMCall
from chat.rag.llm import ErrorCode
from chat.services.turns import record_calls
from monitoring.judges.base import Judge, Verdict
from monitoring.judging.claims import Claim
from monitoring.judging.material import NEVER, Earlier
from monitoring.models import JudgeRule, Score
from monitoring.signals import scores_written

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
FIRST_WAIT = timedelta(seconds=60)
WAIT_FACTOR = 4  # a minute, then four
# Another try changes nothing about these.
FINAL_ERRORS = frozenset({ErrorCode.CONTENT_FILTER, ErrorCode.BAD_REQUEST})

END_SQL = """
DELETE FROM monitoring_judgeclaim AS claim
 USING unnest(%(turns)s::bigint[], %(versions)s::bigint[], %(tokens)s::uuid[]) AS ended (turn_id, version_id, token)
 WHERE claim.turn_id = ended.turn_id
   AND claim.judge_version_id = ended.version_id
   AND claim.token = ended.token
RETURNING claim.turn_id, claim.judge_version_id
"""

DIED = f"The process that judged it died {MAX_ATTEMPTS} times."


@dataclass(frozen=True, slots=True)
class Spoken:
    """A verdict to be stored. `conversation_id`: of a turn whose whole conversation was judged."""

    claim: Claim
    judge: Judge
    verdict: Verdict
    calls: Sequence[LLMCall] = ()
    duration_seconds: float | None = None
    conversation_id: object = None
    earlier: Earlier = NEVER


def write_verdicts(spoken: Sequence[Spoken]) -> list[bool]:
    """Store verdicts with their calls, all or none, and end their claims. False for one whose claim is not ours any
    more: then its calls are stored, for they were made, and the verdict is left to whoever has the claim."""
    with transaction.atomic():
        ours = _end_claims([one.claim for one in spoken])
        is_ours = [(one.claim.turn_id, one.claim.version_id) in ours for one in spoken]
        calls_of = _store([one for one, mine in zip(spoken, is_ours, strict=True) if mine])
        announce = partial(scores_written.send_robust, sender=Score, score_ids=[*calls_of], calls=calls_of)
        transaction.on_commit(announce)
        for one, mine in zip(spoken, is_ours, strict=True):
            if one.calls:
                if mine or Turn.objects.filter(pk=one.claim.turn_id).exists():
                    record_calls(calls=one.calls, turn_id=one.claim.turn_id)
                else:
                    record_calls(calls=one.calls, origin=_origin_of(one.claim))
    for one, mine in zip(spoken, is_ours, strict=True):
        if not mine:
            logger.warning("claim lost version=%d", one.claim.version_id, extra={"turn_id": one.claim.turn_id})
    return is_ours


def is_worth_another(verdict: Verdict, calls: Sequence[LLMCall]) -> bool:
    """Whether the same turn may get a value later: the judge says so, or its model failed by something that passes or
    is mended, such as a refused key."""
    if verdict.value is not None:
        return False
    failed = [call.error_code for call in calls if call.error_code]
    return verdict.retryable or any(code not in FINAL_ERRORS for code in failed)


def retry_time(attempts: int, *, now: datetime | None = None) -> datetime | None:
    """Return when to try again after so many attempts; None: not any more. Those that failed together do not come back
    together."""
    if attempts >= MAX_ATTEMPTS:
        return None
    wait = FIRST_WAIT * float(WAIT_FACTOR ** (attempts - 1))
    return (now or timezone.now()) + wait * random.uniform(0.5, 1.0)  # noqa: S311 # no secret


def _origin_of(claim: Claim) -> str:
    """Return the origin of the turns that a claim's rule judges, for a turn that is gone."""
    origins = JudgeRule.objects.filter(pk=claim.rule_id).values_list("origin", flat=True)
    return origins.first() or Origin.USER


def _end_claims(claims: Sequence[Claim]) -> set[tuple[int, int]]:
    """Remove claims, and return turn and version of those that were ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            END_SQL,
            {
                "turns": [claim.turn_id for claim in claims],
                "versions": [claim.version_id for claim in claims],
                "tokens": [claim.token for claim in claims],
            },
        )
        return set(cursor.fetchall())


def _store(spoken: Sequence[Spoken]) -> dict[int, Sequence[LLMCall]]:
    """Write the scores, and return the calls of each by its id."""
    fresh = [one for one in spoken if not one.earlier.score_id]
    rows = Score.objects.bulk_create(
        Score(
            turn_id=one.claim.turn_id,
            judge_version_id=one.claim.version_id,
            source=Score.Source.JUDGE,
            **_values(one),
        )
        for one in fresh
    )
    calls_of = {row.pk: one.calls for row, one in zip(rows, fresh, strict=True)}
    for one in spoken:
        if one.earlier.score_id:
            Score.objects.filter(pk=one.earlier.score_id).update(updated_at=timezone.now(), **_values(one))
            calls_of[one.earlier.score_id] = one.calls
    return calls_of


def _values(spoken: Spoken) -> dict[str, Any]:
    verdict, earlier = spoken.verdict, spoken.earlier
    attempts = earlier.attempts + spoken.claim.starts
    costs = [earlier.cost_usd, *(call.cost_usd for call in spoken.calls)]
    known = [cost for cost in costs if cost is not None]
    return {
        "name": spoken.judge.criterion.name,
        "value": verdict.value,
        "label": verdict.label,
        "explanation": verdict.explanation,
        "details": dict(verdict.details),
        "error": verdict.error[:500],
        "rule_id": spoken.claim.rule_id,
        "conversation_id": spoken.conversation_id,
        "attempts": attempts,
        "retry_at": retry_time(attempts) if is_worth_another(verdict, spoken.calls) else None,
        "calls": earlier.calls + len(spoken.calls),
        "cost_usd": sum(known, Decimal(0)) if len(known) == len(costs) else None,
        "duration_seconds": spoken.duration_seconds,
    }
