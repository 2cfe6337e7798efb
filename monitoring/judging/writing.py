"""Handing verdicts to the database: those that come while others are being stored are stored together after them."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from django.db import DatabaseError

from monitoring.judges.base import Verdict
from monitoring.judging.database import DatabaseThread
from monitoring.judging.scores import Spoken, write_verdicts

logger = logging.getLogger(__name__)


class Writer:
    """Stores the verdicts of one slice of work."""

    def __init__(self, database: DatabaseThread) -> None:
        self._database = database
        self._waiting: list[tuple[Spoken, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def store(self, spoken: Spoken) -> bool:
        """Store a verdict and return whether its claim was still ours. Raises the database's error."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((spoken, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await self._database.run(_write_all, [spoken for spoken, _ in batch])
            except Exception as error:  # whoever waits has to hear of it
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._writing = None


def _write_all(spoken: Sequence[Spoken]) -> list[bool | Exception]:
    """Store all in one transaction; where that fails, each in its own, so that one does not take others with it."""
    try:
        return [*write_verdicts(spoken)]
    except (DatabaseError, ValueError):
        return [_write_one(one) for one in spoken]


def _write_one(spoken: Spoken) -> bool | Exception:
    """Store a verdict; one that cannot be stored, for a character in it or the like, as an error that says so."""
    try:
        return write_verdicts([spoken])[0]
    except (DatabaseError, ValueError) as error:
        logger.exception("verdict not stored judge=%s", spoken.judge.name, extra={"turn_id": spoken.claim.turn_id})
        problem = f"The verdict could not be stored: {type(error).__name__}"
    try:
        return write_verdicts([replace(spoken, verdict=Verdict(spoken.judge.name, None, error=problem))])[0]
    except (DatabaseError, ValueError) as error:
        return error
