"""What is stored of a running answer: its text so far, and how it ended. What the database refuses of one answer is
left out, so that it hurts no other, and is not tried for ever."""

import logging
from collections.abc import Mapping
from typing import Literal

from chat.database import in_database, is_away
from chat.models import Turn
from chat.rag.config import AnswerResult
from chat.services.turns import finish_turn, save_progress

logger = logging.getLogger(__name__)

# Of a turn that failed for a reason which is none of its user's.
INTERNAL = "internal"
NOT_STORED = "The answer cannot be stored; the error is in the server's log. Try again, or choose another model."


async def record_end(turn_id: int, status: str, result: AnswerResult, code: str, message: str) -> None:
    """Record how a turn ended. What the database refuses is left out, and then the turn has failed: its texts first, as
    what was paid counts for budgets, then all."""
    parts: tuple[tuple[Literal["", "texts", "all"], AnswerResult], ...] = (
        ("", result),
        ("texts", result.without_texts()),
        ("all", AnswerResult.empty()),
    )
    for left_out, part in parts:
        try:
            await in_database(
                finish_turn,
                turn_id=turn_id,
                status=status,
                result=part,
                error_code=code,
                error_message=message,
                left_out=left_out,
            )
        except Exception as error:
            logger.exception("turn could not be recorded", extra={"turn_id": turn_id})
            if is_away(error):
                return  # it stays STREAMING without a heartbeat and is swept as interrupted: the user gets a Retry
            status, code, message = Turn.Status.FAILED, INTERNAL, NOT_STORED
        else:
            return


async def save_texts(answers: Mapping[int, str]) -> dict[int, str]:
    """Save all these texts in one statement. Where the database refuses it, save them one by one, so that the answer
    which cannot be stored hurts no other. Returns those that are to end, with the status that they end with."""
    try:
        alive = await in_database(save_progress, answers)
    except Exception as error:
        logger.exception("progress could not be saved", extra={"turn_ids": list(answers)})
        if is_away(error):
            return {}
        if len(answers) == 1:
            return dict.fromkeys(answers, Turn.Status.FAILED.value)
        ending: dict[int, str] = {}
        for turn_id, text in answers.items():
            ending |= await save_texts({turn_id: text})
        return ending
    return {turn_id: Turn.Status.STOPPED.value for turn_id, is_asked_to_stop in alive.items() if is_asked_to_stop}
