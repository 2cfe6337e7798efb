"""Writing verdicts: the score, the calls that it took and the end of the claim in one transaction, so that whatever was
paid is either stored whole or due again.

What failed for a while is tried again, later each time, three times at most. Judges never write over a verdict that has
a value.
"""

import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat.models import Turn
from chat.rag.config import LLMCall
from chat.rag.llm import ErrorCode
from chat.services.turns import record_calls
from monitoring.judges.base import Judge, Verdict
from monitoring.judging.claims import Claim
from monitoring.judging.material import NEVER, Earlier
from monitoring.models import JudgeClaim, Score

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
FIRST_WAIT = timedelta(seconds=60)
WAIT_FACTOR = 4  # a minute, then four
# Another try changes nothing about these.
FINAL_ERRORS = frozenset({ErrorCode.CONTENT_FILTER, ErrorCode.BAD_REQUEST})

DIED = f"The process that judged it died {MAX_ATTEMPTS} times."


def write_verdict(
    *,
    claim: Claim,
    judge: Judge,
    verdict: Verdict,
    calls: Sequence[LLMCall] = (),
    duration_seconds: float | None = None,
    conversation_id: object = None,
    earlier: Earlier = NEVER,
) -> bool:
    """Store a verdict with its calls. False when the claim is not ours any more: then the calls are stored, for they
    were made, and the verdict is left to whoever has the claim. `conversation_id` of a turn whose whole conversation
    was judged."""
    with transaction.atomic():
        claims = JudgeClaim.objects.filter(turn_id=claim.turn_id, judge_version_id=claim.version_id, token=claim.token)
        is_ours = bool(claims.delete()[0])
        if is_ours:
            values = _values(claim, judge, verdict, calls, earlier)
            values |= {"duration_seconds": duration_seconds, "conversation_id": conversation_id}
            _store(claim, values, earlier)
        known = is_ours or Turn.objects.filter(pk=claim.turn_id).exists()
        if calls:
            record_calls(calls=calls, turn_id=claim.turn_id if known else None)
    if not is_ours:
        logger.warning("claim lost turn=%d version=%d", claim.turn_id, claim.version_id)
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


def _values(claim: Claim, judge: Judge, verdict: Verdict, calls: Sequence[LLMCall], earlier: Earlier) -> dict[str, Any]:
    attempts = earlier.attempts + claim.starts
    costs = [earlier.cost_usd, *(call.cost_usd for call in calls)]
    known = [cost for cost in costs if cost is not None]
    return {
        "name": judge.criterion.name,
        "value": verdict.value,
        "label": verdict.label,
        "explanation": verdict.explanation,
        "details": dict(verdict.details),
        "error": verdict.error[:500],
        "rule_id": claim.rule_id,
        "attempts": attempts,
        "retry_at": retry_time(attempts) if is_worth_another(verdict, calls) else None,
        "calls": earlier.calls + len(calls),
        "cost_usd": sum(known, Decimal(0)) if len(known) == len(costs) else None,
    }


def _store(claim: Claim, values: dict[str, Any], earlier: Earlier) -> None:
    if earlier.score_id:
        Score.objects.filter(pk=earlier.score_id).update(updated_at=timezone.now(), **values)
    else:
        Score.objects.create(
            turn_id=claim.turn_id, judge_version_id=claim.version_id, source=Score.Source.JUDGE, **values
        )
