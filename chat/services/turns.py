"""The life of a turn in the database: claimed by one process, saved while it speaks, finished in one transaction, or
found interrupted when its process died."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from django.db import connection, transaction
from django.utils import timezone

from chat.models import Conversation, Heartbeat, Hit, LLMCall, Turn
from chat.models.conversation import Origin
from chat.rag.config import AnswerResult
from chat.rag.config import LLMCall as CallData
from chat.services.spending import spend
from chat.signals import calls_recorded, turn_finished

logger = logging.getLogger(__name__)

# A process that answers beats at least every few seconds; after this silence it is taken for dead.
INTERRUPTED_AFTER = timedelta(seconds=20)
# A question that nobody came to answer: the browser left between asking and reading.
ABANDONED_AFTER = timedelta(minutes=5)

# A running answer beats at least this often, also while it waits for its first token.
BEAT_SECONDS = 5

SAVE_PROGRESS_SQL = """
WITH progress AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(answers)s::text[]) AS row (id, answer)
), saved AS (
    UPDATE chat_turn AS turn
       SET answer = progress.answer, heartbeat_at = now()
      FROM progress
     WHERE turn.id = progress.id
       AND turn.status = 'STREAMING'
       AND (turn.answer <> progress.answer OR turn.heartbeat_at < now() - make_interval(secs => %(beat_seconds)s))
)
SELECT turn.id, turn.stop_requested_at IS NOT NULL
  FROM chat_turn AS turn
  JOIN progress ON progress.id = turn.id
 WHERE turn.status = 'STREAMING'
"""

# Keeps cited chunks until the hits are stored; the same lock that a foreign key takes, so readers share it.
LOCK_CHUNKS_SQL = """
SELECT id, document_id
  FROM chat_chunk
 WHERE id = ANY(%(ids)s)
   FOR KEY SHARE
"""


def claim_turn(turn_id: int) -> bool:
    """Take a waiting turn for this process; True for exactly one caller ever: one question is one model call."""
    now = timezone.now()
    claimed = Turn.objects.filter(pk=turn_id, status=Turn.Status.PENDING).update(
        status=Turn.Status.STREAMING, started_at=now, heartbeat_at=now
    )
    return claimed == 1


def save_progress(answers: Mapping[int, str]) -> dict[int, bool]:
    """Save the texts so far of running turns, by id, in one statement; it is also their heartbeat.

    Returns the turns that are still running, with whether a stop was asked for.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            SAVE_PROGRESS_SQL,
            {"ids": list(answers), "answers": list(answers.values()), "beat_seconds": BEAT_SECONDS},
        )
        return dict(cursor.fetchall())


def request_stop(*, turn: Turn) -> None:
    """Ask whoever answers to stop; a turn that nobody has begun is stopped at once."""
    now = timezone.now()
    if Turn.objects.filter(pk=turn.pk, status=Turn.Status.PENDING).update(
        status=Turn.Status.STOPPED, stop_requested_at=now, finished_at=now
    ):
        _announce(Turn.objects.get(pk=turn.pk))
        return
    Turn.objects.filter(pk=turn.pk, status=Turn.Status.STREAMING).update(stop_requested_at=now)


def finish_turn(
    *,
    turn_id: int,
    status: str,
    result: AnswerResult,
    error_code: str = "",
    error_message: str = "",
    left_out: Literal["", "texts", "all"] = "",
) -> bool:
    """Record all of a turn in one transaction; announce it after commit. False when the turn is not running any more
    (it was swept as interrupted, or its account is gone): nothing is written then. `left_out`: what the result lacks,
    as it cannot be stored. The text that was saved stays, and without its calls nobody knows what the turn cost."""
    now = timezone.now()
    with transaction.atomic():
        turn = Turn.objects.select_for_update().filter(pk=turn_id, status=Turn.Status.STREAMING).first()
        if turn is None:
            return False
        # deleted while it was being answered: keep numbers only
        forget = Conversation.objects.filter(pk=turn.conversation_id, deleted_at__isnull=False).exists()
        turn.status = status
        turn.answer = "" if forget else turn.answer if left_out else result.answer
        turn.search_query = "" if forget else result.search_query
        turn.prompt_name, turn.prompt_sha256 = result.prompt_name, result.prompt_sha256
        turn.nothing_found = result.nothing_found if status == Turn.Status.DONE else None
        turn.removed_citations = result.removed_citations
        _count_hits(turn, result)
        turn.degraded = result.degraded[:300]
        turn.error_code, turn.error_message = error_code, error_message
        turn.rewrite_seconds = result.times.rewrite_seconds
        turn.expand_seconds = result.times.expand_seconds
        turn.embed_seconds = result.times.embed_seconds
        turn.search_seconds = result.times.search_seconds
        turn.rerank_seconds = result.times.rerank_seconds
        turn.context_seconds = result.times.context_seconds
        turn.first_token_seconds = result.times.first_token_seconds
        turn.total_seconds = result.times.total_seconds
        turn.cost_usd = None if left_out == "all" else total_cost(result.calls)
        turn.finished_at = turn.heartbeat_at = now
        turn.save()
        Hit.objects.bulk_create(_hit_rows(turn, result, forget=forget))
        calls = LLMCall.objects.bulk_create([_call_row(turn.pk, call) for call in result.calls])
        if turn.origin != Origin.SYNTHETIC:
            spend(calls, turn=turn)
        transaction.on_commit(partial(_announce, turn, () if forget else result.calls))
    logger.info(
        "turn finished",
        extra={
            "conversation_id": str(turn.conversation_id),
            "turn_id": turn.pk,
            "status": status,
            "error_code": error_code,
            "origin": turn.origin,
            "model": turn.model,
            "search_mode": turn.search_mode,
            "rewrite_seconds": turn.rewrite_seconds,
            "expand_seconds": turn.expand_seconds,
            "embed_seconds": turn.embed_seconds,
            "search_seconds": turn.search_seconds,
            "rerank_seconds": turn.rerank_seconds,
            "context_seconds": turn.context_seconds,
            "first_token_seconds": turn.first_token_seconds,
            "total_seconds": turn.total_seconds,
        },
    )
    return True


def record_calls(
    *,
    calls: Sequence[CallData],
    turn_id: int | None = None,
    origin: str | None = None,
    user_id: int | None = None,
) -> None:
    """Store calls that were made beside an answer, such as a judge's; they are no part of what the turn cost.

    `origin` says what they were made for. None: what the turn was asked for, so that calls without a turn need one.
    `user_id`: whose budget they count for besides that of everything.
    """
    with transaction.atomic():
        rows = LLMCall.objects.bulk_create([_call_row(turn_id, call, origin, user_id) for call in calls])
        if origin != Origin.SYNTHETIC:
            spend(rows, user_id=user_id)
        ids = [row.pk for row in rows]
        transaction.on_commit(partial(calls_recorded.send_robust, sender=LLMCall, call_ids=ids))


def total_cost(calls: tuple[CallData, ...]) -> Decimal | None:
    """Return the dollars of all calls, or None when one of them is unknown: a sum with a hole is not a sum."""
    costs = [call.cost_usd for call in calls]
    if any(cost is None for cost in costs):
        return None
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def sweep_interrupted() -> int:
    """Mark turns whose process went silent as interrupted, so that the user can retry; return how many."""
    now = timezone.now()
    silent = Turn.objects.filter(status=Turn.Status.STREAMING, heartbeat_at__lt=now - INTERRUPTED_AFTER)
    abandoned = Turn.objects.filter(status=Turn.Status.PENDING, heartbeat_at__lt=now - ABANDONED_AFTER)
    ids = [*silent.values_list("pk", flat=True), *abandoned.values_list("pk", flat=True)]
    return sum(interrupt_turn(turn_id) for turn_id in ids)


def interrupt_turn(turn_id: int) -> bool:
    """Mark one silent turn as interrupted; False when it lives or is finished."""
    now = timezone.now()
    changed = (
        Turn.objects.unfinished()
        .filter(pk=turn_id, heartbeat_at__lt=now - INTERRUPTED_AFTER)
        .update(
            status=Turn.Status.INTERRUPTED,
            error_code="interrupted",
            error_message="The answer was cut off, because the server that wrote it stopped.",
            finished_at=now,
        )
    )
    if changed:
        logger.warning("turn interrupted", extra={"turn_id": turn_id})
        _announce(Turn.objects.get(pk=turn_id))
    return bool(changed)


def beat(name: str) -> None:
    """Say that a background process is alive."""
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": timezone.now()})


def _announce(turn: Turn, calls: Sequence[CallData] = ()) -> None:
    turn_finished.send_robust(
        sender=Turn,
        turn_id=turn.pk,
        conversation_id=turn.conversation_id,
        status=turn.status,
        origin=turn.origin,
        calls=calls,
    )


def _count_hits(turn: Turn, result: AnswerResult) -> None:
    if result.hits or result.times.search_seconds is not None:
        turn.hit_count = len(result.hits)
        turn.cited_count = sum(hit.rank in result.cited_ranks for hit in result.hits)
        turn.top_similarity = max((hit.similarity for hit in result.hits if hit.similarity is not None), default=None)


def _hit_rows(turn: Turn, result: AnswerResult, *, forget: bool) -> list[Hit]:
    # A document may be replaced while its chunk is being cited: what is gone is not linked.
    with connection.cursor() as cursor:
        cursor.execute(LOCK_CHUNKS_SQL, {"ids": [hit.chunk_id for hit in result.hits]})
        chunks = dict(cursor.fetchall())
    return [
        Hit(
            turn=turn,
            rank=hit.rank,
            search_rank=hit.search_rank,
            chunk_id=hit.chunk_id if hit.chunk_id in chunks else None,
            document_id=chunks.get(hit.chunk_id),
            document_title="" if forget else hit.document_title,
            heading_path="" if forget else hit.heading_path,
            text="" if forget else hit.text,
            score=hit.score,
            text_rank=hit.text_rank,
            text_score=hit.text_score,
            vector_rank=hit.vector_rank,
            similarity=hit.similarity,
            is_cited=hit.rank in result.cited_ranks,
        )
        for hit in result.hits
    ]


def _call_row(turn_id: int | None, call: CallData, origin: str | None = None, user_id: int | None = None) -> LLMCall:
    usage: dict[str, Any] = (
        {
            "input_tokens": call.usage.input_tokens,
            "cached_input_tokens": min(call.usage.cached_input_tokens, call.usage.input_tokens),
            "output_tokens": call.usage.output_tokens,
            # Of an estimate's output it is not known what was thought.
            "reasoning_tokens": None if call.usage.estimated else call.usage.reasoning_tokens,
            "tokens_estimated": call.usage.estimated,
        }
        if call.usage
        else {}
    )
    return LLMCall(
        turn_id=turn_id,
        origin=origin,
        user_id=user_id,
        purpose=call.purpose,
        model=call.model,
        response_model=call.response_model,
        prompt_name=call.prompt_name,
        prompt_sha256=call.prompt_sha256,
        input_usd_per_million=call.price.input_usd_per_million,
        output_usd_per_million=call.price.output_usd_per_million,
        cached_input_usd_per_million=call.price.cached_input_usd_per_million,
        cost_usd=call.cost_usd,
        duration_seconds=call.duration_seconds,
        first_token_seconds=call.first_token_seconds,
        attempts=call.attempts,
        finish_reason=call.finish_reason,
        request_id=call.request_id,
        response_id=call.response_id,
        error_code=call.error_code,
        **usage,
    )
