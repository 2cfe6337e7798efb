"""A running answer: produced once, followed by any number of readers, in any process.

The first reader of a waiting turn claims it and starts a producer, a task of its own that runs on when readers leave.
In the producer's process readers are fed from memory; elsewhere, and after a reload that lands on another process,
they read the text that the producer saves twice a second. One saver a process writes the texts of all its running
answers in one statement, which is also their heartbeat and tells which of them were asked to stop.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from asgiref.sync import async_to_sync
from django.db import connections

from chat.database import in_database
from chat.exceptions import ChatError
from chat.log_context import work_on_turn
from chat.models import Turn
from chat.rag import pipeline
from chat.rag.config import AnswerResult
from chat.recording import INTERNAL, NOT_STORED, record_end, save_texts
from chat.services.answering import prepare
from chat.services.turns import claim_turn, interrupt_turn, sweep_interrupted

logger = logging.getLogger(__name__)

SAVE_SECONDS = 0.5
POLL_SECONDS = 0.4  # how often a reader in another process looks
SWEEP_SECONDS = 10.0
QUIET_SECONDS = 15.0  # proxies close a silent line, often after 30 to 60 s
# With many answers at once each wake-up counts: text is then taken and given out in larger pieces, the later the more
# answers run here, and later still while others wait for their first word: they see nothing yet. One alone streams
# token by token; 300 give out what came within 0.4 s.
COLLECT_FROM_ANSWERS = 20
COLLECT_SECONDS_PER_ANSWER, COLLECT_SECONDS_PER_WAITING = 0.003, 0.02
COLLECT_MAX_SECONDS, COLLECT_MAX_SECONDS_WHILE_OTHERS_WAIT = 0.4, 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All text so far; the first event of every reader."""

    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What happens: "searching" or "answering"."""

    name: str


@dataclass(frozen=True, slots=True)
class Delta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is finished in the database."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for QUIET_SECONDS; the answer goes on."""


StreamEvent = Snapshot | Stage | Delta | Ended | Quiet


@dataclass(eq=False)
class _Running:
    """An answer that this process produces."""

    turn_id: int
    pieces: list[str] = field(default_factory=list)
    stage: str = "searching"
    ended: bool = False
    stop_status: str = ""  # set before the task is cancelled: how the turn then ends
    stop_message: str = ""
    finishing: bool = False  # it is being recorded: too late to stop
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Wake all readers; they wait on a fresh event from here on."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def stop(self, status: str, message: str = "") -> None:
        """Let the producer end with `status`, keeping the text so far. Only the first call counts."""
        if not self.stop_status and not self.finishing and self.task:
            self.stop_status, self.stop_message = status, message
            self.task.cancel()


class _Process:
    """What one event loop runs: its answers, and the task that saves them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.running: dict[int, _Running] = {}
        self.saver: asyncio.Task[None] | None = None
        self.sweeper: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many people have asked and see no answer yet."""
        return sum(not running.pieces for running in self.running.values()) + requests_in_line()

    def collect_seconds(self) -> float:
        """Return how long an answer's text may collect before it is read from the model and given out."""
        answers = len(self.running)
        if answers < COLLECT_FROM_ANSWERS:
            return 0.0
        seconds = min(answers * COLLECT_SECONDS_PER_ANSWER, COLLECT_MAX_SECONDS)
        return min(seconds + self.waiting * COLLECT_SECONDS_PER_WAITING, COLLECT_MAX_SECONDS_WHILE_OTHERS_WAIT)


_process: _Process | None = None


def nobody() -> int:
    """Return how many requests wait before they reach this module's callers: none, where there is no line."""
    return 0


requests_in_line: Callable[[], int] = nobody  # set by whoever lets requests in one after the other


def _here() -> _Process:
    global _process
    if _process is None or _process.loop is not asyncio.get_running_loop():
        _process = _Process()
    return _process


async def startup() -> None:
    """Begin to look for answers whose process died. Called once by each web process."""
    process = _here()
    process.sweeper = asyncio.create_task(_sweep())


async def shutdown() -> None:
    """End all answers of this process as interrupted, so that users can retry at once."""
    process = _here()
    if process.sweeper:
        process.sweeper.cancel()
    tasks = [running.task for running in process.running.values() if running.task]
    for running in list(process.running.values()):
        running.stop(Turn.Status.INTERRUPTED, "The answer was cut off, because the server was restarted.")
    await asyncio.gather(*tasks, return_exceptions=True)


def stop_here(turn_id: int) -> None:
    """Stop an answer at once if this process produces it; elsewhere the stored request does it within a second."""
    if _process is None:
        return
    running = _process.running.get(turn_id)
    if running:
        _process.loop.call_soon_threadsafe(running.stop, Turn.Status.STOPPED)


async def follow(turn_id: int) -> AsyncGenerator[StreamEvent]:
    """Yield what happens to a turn: a Snapshot, then Stages and Deltas, then Ended. Starts the answer if nobody has."""
    running = await _running(turn_id)
    async with aclosing(_follow_here(running) if running else _follow_elsewhere(turn_id)) as events:
        async for event in events:
            yield event


def wait_for_answer(turn_id: int, wait_seconds: float) -> bool:
    """Start the answer and wait for its end, in a request's thread, whose database connection is given back meanwhile;
    False when it takes longer."""
    connections.close_all()
    return async_to_sync(produce_now)(turn_id, wait_seconds=wait_seconds)


async def produce_now(turn_id: int, wait_seconds: float) -> bool:
    """Start the answer and wait for its end; False when it takes longer."""
    try:
        async with asyncio.timeout(wait_seconds):
            async for _ in follow(turn_id):
                pass
    except TimeoutError:
        return False
    return True


async def _running(turn_id: int) -> _Running | None:
    """Return the answer if this process produces it, after claiming it when it waits."""
    process = _here()
    if turn_id in process.running:
        return process.running[turn_id]
    if not await in_database(claim_turn, turn_id):
        return process.running.get(turn_id)
    running = process.running[turn_id] = _Running(turn_id)
    running.task = asyncio.create_task(_produce(running, process))
    if process.saver is None or process.saver.done():
        process.saver = asyncio.create_task(_save(process))
    return running


async def _follow_here(running: _Running) -> AsyncGenerator[StreamEvent]:
    seen = len(running.pieces)
    yield Snapshot("".join(running.pieces))
    stage = ""
    while True:
        changed = running.changed
        if running.stage != stage:
            stage = running.stage
            yield Stage(stage)
        if seen < len(running.pieces):
            text = "".join(running.pieces[seen:])
            seen = len(running.pieces)
            yield Delta(text)
        if running.ended:
            yield Ended()
            return
        while changed is running.changed:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    await changed.wait()
            except TimeoutError:
                yield Quiet()


async def _follow_elsewhere(turn_id: int) -> AsyncGenerator[StreamEvent]:
    text: str | None = None
    polls = 0
    while True:
        polls += 1
        if polls % int(QUIET_SECONDS / POLL_SECONDS) == 0:
            yield Quiet()
        turn = await in_database(Turn.objects.only("status", "answer", "heartbeat_at").get, pk=turn_id)
        if text is None:
            yield Snapshot(turn.answer)
        elif turn.answer != text:
            yield Delta(turn.answer[len(text) :]) if turn.answer.startswith(text) else Snapshot(turn.answer)
        text = turn.answer
        if turn.is_finished or await in_database(interrupt_turn, turn_id):
            yield Ended()
            return
        await asyncio.sleep(POLL_SECONDS)


async def _produce(running: _Running, process: _Process) -> None:
    """Run the pipeline for one claimed turn and record how it ended, whatever happens."""
    work_on_turn(running.turn_id)
    status, code, message = Turn.Status.DONE.value, "", ""
    run: pipeline.Run | None = None
    try:
        request, tools = await in_database(prepare, running.turn_id)
        access = replace(tools.access, collect_seconds=process.collect_seconds)
        run = pipeline.Run(request, replace(tools, access=access))
        async for event in run.events():
            if isinstance(event, pipeline.Token):
                running.pieces.append(event.text)
            else:
                running.stage = event.name
            running.notify()
    except asyncio.CancelledError:
        status = running.stop_status or Turn.Status.INTERRUPTED
        message = running.stop_message
        code = {Turn.Status.STOPPED.value: "", Turn.Status.FAILED.value: INTERNAL}.get(status, "interrupted")
    except ChatError as error:
        status, code, message = Turn.Status.FAILED, error.code, str(error)
    except Exception:
        logger.exception("turn failed", extra={"turn_id": running.turn_id})
        status, code = Turn.Status.FAILED, INTERNAL
        message = "Something went wrong on the server; the error is in its log. Try again."
    running.finishing = True
    try:
        await record_end(running.turn_id, status, run.result() if run else AnswerResult.empty(), code, message)
    finally:
        process.running.pop(running.turn_id, None)
        running.ended = True
        running.notify()


async def _save(process: _Process) -> None:
    """Save the texts of all running answers twice a second until there are none."""
    while process.running:
        await asyncio.sleep(SAVE_SECONDS)
        answers = {running.turn_id: "".join(running.pieces) for running in process.running.values()}
        if not answers:
            break
        for turn_id, stop_status in (await save_texts(answers)).items():
            if running := process.running.get(turn_id):
                running.stop(stop_status, NOT_STORED if stop_status == Turn.Status.FAILED else "")


async def _sweep() -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await in_database(sweep_interrupted)
        except Exception:
            logger.exception("sweep failed")
