"""Working off what is due: many turns at once, each verdict stored as soon as it is there.

What is begun is finished, because it is paid; when the time is over, nothing further is begun. A process that dies
loses what is on its way and no more: its claims end by themselves, and another process takes them up.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from chat.database import in_database
from chat.exceptions import ConfigurationError
from chat.log_context import work_on_turn
from chat.rag.config import LLMCall
from chat.rag.llm import ErrorCode, ModelAccess
from chat.services.answering import limits, price_overrides
from chat.services.knowledge import local_embedder
from monitoring.flags.raising import raise_flags
from monitoring.judges.base import JudgeTools, Verdict
from monitoring.judging.claims import LEASE_SECONDS, release, renew
from monitoring.judging.counts import Counts
from monitoring.judging.database import DatabaseThread
from monitoring.judging.material import Material
from monitoring.judging.rules import WorkingRule, working_rules
from monitoring.judging.scores import Spoken
from monitoring.judging.taking import Taking
from monitoring.judging.writing import Writer

logger = logging.getLogger(__name__)

# A failed verdict is tried again as a whole, so a call itself is repeated once and no more.
ATTEMPTS_OF_A_CALL = 2
# One for so many hands is taken ahead.
TAKEN_AHEAD = 4
# Flags of turns are raised for many together: that often, and when nothing is due any more.
FLAG_SECONDS = 2.0
# So often one looks for what is due while there are free hands.
IDLE_SECONDS = 0.5
# A model that has too many requests is waited for so long; after that others may use the process.
LONGEST_PAUSE_SECONDS = 5.0


def work_on_due(
    until: float,
    *,
    newest: timedelta | None = None,
    concurrency: int | None = None,
    lease_seconds: float = LEASE_SECONDS,
) -> Counts:
    """Judge what is due until nothing is, or `until` (time.monotonic()). `newest`: only turns that finished so lately,
    which is quicker to look up. `concurrency`: JUDGE_CONCURRENCY turns at once if None."""
    rules = working_rules(newest=newest)
    if not rules:
        return Counts()
    worker = Worker(rules, until, concurrency or settings.JUDGE_CONCURRENCY, lease_seconds)
    return asyncio.run(worker.run())


class Worker:
    """One slice of work by these rules."""

    def __init__(self, rules: Sequence[WorkingRule], until: float, concurrency: int, lease_seconds: float) -> None:
        self._taking = Taking(rules, lease_seconds=lease_seconds)
        self._until, self._concurrency, self._lease_seconds = until, concurrency, lease_seconds
        fewer = replace(limits(), max_attempts=min(ATTEMPTS_OF_A_CALL, settings.LLM_MAX_ATTEMPTS))
        self._access = ModelAccess(settings.PROVIDERS, limits=fewer, price_overrides=price_overrides())
        self._embedder = local_embedder()
        self._ahead = concurrency // TAKEN_AHEAD
        self._ready: deque[Material] = deque()
        self._database = DatabaseThread()
        self._writer = Writer(self._database)
        self._to_flag: set[int] = set()
        self._error: BaseException | None = None
        self.counts = Counts()

    async def run(self) -> Counts:
        beside = [asyncio.create_task(self._renew()), asyncio.create_task(self._raise_flags_now_and_then())]
        try:
            await self._work()
            await self._database.run(self._give_back)
            if not self._error and self._is_over:
                self.counts.has_more = await self._database.run(self._taking.is_anything_due)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await in_database(self._flag)
            await self._database.close()
        if self._error:
            raise self._error
        return self.counts

    @property
    def _is_over(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def _goes_on(self) -> bool:
        return not self._error and not self._is_over

    async def _work(self) -> None:
        """Keep as many turns on their way as there are hands, until nothing is due or the time is over. Some are taken
        ahead, so that a free hand does not wait for the database."""
        running: set[asyncio.Task[None]] = set()
        taking: asyncio.Task[list[Material]] | None = None
        while True:
            while self._ready and len(running) < self._concurrency and self._goes_on:
                running.add(asyncio.create_task(self._judge(self._ready.popleft())))
            wanted = self._concurrency + self._ahead - len(running) - len(self._ready)
            if not taking and self._goes_on and self._taking.may_have_more and wanted >= max(1, self._ahead // 2):
                taking = asyncio.create_task(self._database.run(self._taking.take, wanted))
            if not running and not taking:
                pause = self._taking.pause_seconds
                if not self._goes_on or not 0 < pause <= LONGEST_PAUSE_SECONDS:
                    return
                await asyncio.sleep(pause)
                continue
            under_way: set[asyncio.Task[Any]] = running | ({taking} if taking else set())
            done, _ = await asyncio.wait(under_way, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            for task in done:
                self._error = self._error or task.exception()
            if taking in done:
                if taking and not taking.exception():
                    self._ready.extend(taking.result())
                taking = None

    def _give_back(self) -> None:
        """Let others take what was taken ahead and not begun."""
        release([one.claim for one in self._ready])

    async def _judge(self, material: Material) -> None:
        """Judge one turn, in a task of its own. An error of the database ends the work."""
        work_on_turn(material.claim.turn_id, material.conversation_id)
        try:
            await self._speak(material)
        finally:
            self._taking.finished(material.claim)

    async def _speak(self, material: Material) -> None:
        """Let the judge speak and store what it says."""
        working = self._taking.rule(material.claim.rule_id)
        tools = JudgeTools(access=self._access, model=working.rule.model, embedder=self._embedder)
        calls: list[LLMCall] = []
        begin = time.monotonic()
        try:
            verdict = await working.judge.judge(material.turn, tools, calls.append)
        except ConfigurationError as error:  # nothing that the turn could help
            self._taking.set_aside(working.rule.pk, str(error))
            await self._database.run(release, [material.claim])
            return
        except Exception as error:
            logger.exception("judge failed judge=%s", working.rule.judge)
            message = f"An error of the program, see its log: {type(error).__name__}"
            verdict = Verdict(working.judge.name, None, error=message, retryable=True)
        whole = working.judge.criterion.subject == "conversation"
        spoken = Spoken(
            material.claim,
            working.judge,
            verdict,
            calls,
            duration_seconds=time.monotonic() - begin,
            conversation_id=material.conversation_id if whole else None,
            earlier=material.earlier,
        )
        is_ours = await self._writer.store(spoken)
        self._note(material, verdict, calls, is_ours)
        _log(spoken, is_ours)

    def _note(self, material: Material, verdict: Verdict, calls: Sequence[LLMCall], is_ours: bool) -> None:
        rate_limited = any(call.error_code == ErrorCode.RATE_LIMITED for call in calls)
        failed = any(call.error_code for call in calls) or verdict.retryable
        self._taking.note(material.claim.rule_id, failed=failed, rate_limited=rate_limited)
        if not is_ours:
            self.counts.lost += 1
            return
        self._to_flag.add(material.claim.turn_id)
        self.counts.valued += verdict.value is not None
        self.counts.unscored += verdict.value is None

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                await in_database(renew, self._taking.token, lease_seconds=self._lease_seconds)
            except DatabaseError:  # the next one tries again; the lease lasts for several
                logger.exception("claims not renewed")

    async def _raise_flags_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(FLAG_SECONDS)
            await in_database(self._flag)

    def _flag(self) -> None:
        """Raise the flags of turns that have verdicts by now. An error does not stop the work: the sweep flags too."""
        turns, self._to_flag = self._to_flag, set()
        if turns:
            try:
                raise_flags(sorted(turns))
            except Exception:
                logger.exception("flags not raised", extra={"turns": len(turns)})


def _log(spoken: Spoken, is_ours: bool) -> None:
    """Say what became of a turn: labels and numbers, no texts."""
    verdict = spoken.verdict
    logger.info(
        "verdict stored" if is_ours else "verdict left to another process",
        extra={
            "judge": spoken.judge.name,
            "label": verdict.label,
            "value": verdict.value,
            "is_scored": verdict.value is not None,
            "calls": len(spoken.calls),
            "duration_seconds": round(spoken.duration_seconds or 0.0, 4),
        },
    )
