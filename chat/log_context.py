"""Which turn a log line is about. What works on a turn says so once, and each line that is written in the same task
carries the turn's id, also where the code that writes it does not know of turns, such as calls of models."""

import logging
from contextvars import ContextVar

_about: ContextVar[dict[str, object] | None] = ContextVar("about", default=None)


def work_on_turn(turn_id: int, conversation_id: object = None) -> None:
    """Name the turn of all further log lines of this asyncio task; the task is the turn's own."""
    _about.set({"turn_id": turn_id} | ({"conversation_id": str(conversation_id)} if conversation_id else {}))


class WithTurn(logging.Filter):
    """Adds the ids to a line that does not name them itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in (_about.get() or {}).items():
            record.__dict__.setdefault(name, value)
        return True
