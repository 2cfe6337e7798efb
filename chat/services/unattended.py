"""Answers that nobody waits for, such as those of an evaluation: the same pipeline and the same record as in a
conversation, but stored in one go when they are finished. A process that dies on the way leaves no half a turn."""

import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from chat.exceptions import ChatError
from chat.models import Conversation, PipelineConfig, Turn
from chat.rag.config import AnswerRequest, AnswerResult, Exchange
from chat.rag.pipeline import Run, Tools
from chat.services.conversations import title_for
from chat.services.turns import finish_turn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one question: the record of a turn that is done or failed, and when it began."""

    request: AnswerRequest
    status: str
    result: AnswerResult
    started_at: datetime
    error_code: str = ""
    error_message: str = ""

    @property
    def failed(self) -> bool:
        return self.status != Turn.Status.DONE


def request_of(
    config: PipelineConfig, *, question: str, collection_id: int | None, history: Sequence[Exchange] = ()
) -> AnswerRequest:
    """Return what the pipeline is asked for a question under a config; reads `embedder`."""
    return AnswerRequest(question=question, collection_id=collection_id, recipe=config.recipe(), history=tuple(history))


async def answer(request: AnswerRequest, tools: Tools) -> Answered:
    """Answer by the pipeline. Never raises for a step that fails: that is an outcome, with all that happened so far."""
    started_at = timezone.now()
    run = Run(request, tools)
    try:
        async with aclosing(run.events()) as events:  # type: ignore[type-var] # an async generator by its nature
            async for _ in events:
                pass
    except ChatError as error:
        return Answered(request, Turn.Status.FAILED, run.result(), started_at, error.code, str(error))
    except Exception as error:
        logger.exception("unattended answer failed")
        message = f"An error of the program, see its log: {type(error).__name__}"
        return Answered(request, Turn.Status.FAILED, run.result(), started_at, "internal", message)
    return Answered(request, Turn.Status.DONE, run.result(), started_at)


def record_turn(*, answered: Answered, config: PipelineConfig, origin: str, title: str = "") -> Turn:
    """Store a conversation of this one turn, in one transaction; `title`: the question's beginning if empty."""
    request, recipe = answered.request, answered.request.recipe
    with transaction.atomic():
        conversation = Conversation.objects.create(
            title=title or title_for(request.question),
            origin=origin,
            collection_id=request.collection_id,
            config=config,
        )
        turn = Turn.objects.create(
            conversation=conversation,
            position=1,
            question=request.question,
            status=Turn.Status.STREAMING,
            origin=origin,
            config=config,
            collection_id=request.collection_id,
            search_mode=recipe.search_mode,
            model=recipe.model,
            started_at=answered.started_at,
            heartbeat_at=answered.started_at,
        )
        finish_turn(
            turn_id=turn.pk,
            status=answered.status,
            result=answered.result,
            error_code=answered.error_code,
            error_message=answered.error_message,
        )
        turn.refresh_from_db()
    return turn
