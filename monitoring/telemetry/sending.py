"""The telemetry thread of a process: jobs are handed over and forgotten.

It is started where a process begins its work, or with the first job; not earlier, because the worker forks and threads
do not survive that. OpenTelemetry is imported then and not before. The line of jobs is short: when whoever receives is
slow, what does not fit is dropped and counted in the log. When the process ends there is a little time for what is
still in line, and no more.
"""

import logging
import os
import queue
import threading
import time
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from django.db import connections

from monitoring.telemetry.jobs import Job

if TYPE_CHECKING:
    from monitoring.telemetry.outlet import Outlet

logger = logging.getLogger(__name__)

MAX_WAITING = 1_000
# So long a process that ends waits for its telemetry at most. Those who stop processes wait for 5 s and longer.
STOP_LIMIT_SECONDS = 2.0


class Sender:
    """The thread of this process, and its line of jobs."""

    def __init__(self) -> None:
        # Here and not in the thread: a fork in the middle of an import would leave its child with half of it.
        from monitoring.telemetry.outlet import make_outlet
        from monitoring.telemetry.work import work_on

        self.pid = os.getpid()
        self._work_on = work_on
        try:
            self._outlet: Outlet | None = make_outlet()
        except Exception:
            logger.exception("this process sends no telemetry; are the OTEL_ variables right?")
            self._outlet = None
        self._jobs: queue.Queue[Job | None] = queue.Queue(MAX_WAITING)
        self._is_stopping = threading.Event()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()
        # Children of multiprocessing, as the worker's are, end without atexit; these run in both.
        Finalize(None, self.stop, exitpriority=10)

    def hand_over(self, job: Job) -> None:
        """Put a job into the line; never waits."""
        if self._outlet is None:
            return
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._dropped += 1
            logger.warning("telemetry is slow: left out", extra={"left_out": self._dropped})

    def stop(self, limit_seconds: float = STOP_LIMIT_SECONDS) -> None:
        """End the thread after what is in line, or after the limit."""
        if self.pid != os.getpid() or self._is_stopping.is_set():
            return
        deadline = time.monotonic() + limit_seconds
        self._is_stopping.set()
        try:
            self._jobs.put(None, timeout=limit_seconds)
        except queue.Full:
            return
        self._thread.join(max(deadline - time.monotonic(), 0.0))

    def _run(self) -> None:
        outlet = self._outlet
        if outlet is None:
            return
        while (job := self._jobs.get()) is not None:
            try:
                self._work_on(job, outlet)
            except Exception:  # the edge of the thread: the next job may do
                logger.exception("telemetry left out: %s", type(job).__name__)
            finally:
                if self._jobs.empty():  # else the next job needs it
                    connections.close_all()
        outlet.close()


_sender: Sender | None = None
_lock = threading.Lock()


def hand_over(job: Job) -> None:
    """Let this process's thread work on a job, later."""
    start().hand_over(job)


def start() -> Sender:
    """Return this process's thread, started if it is not there yet."""
    global _sender
    sender = _sender
    if sender is None or sender.pid != os.getpid():
        with _lock:
            if _sender is None or _sender.pid != os.getpid():
                _sender = Sender()
            sender = _sender
    return sender


def stop(limit_seconds: float = STOP_LIMIT_SECONDS) -> None:
    """Send what is in line and end the thread, at most `limit_seconds` later; nothing to do where there is none."""
    global _sender
    sender, _sender = _sender, None
    if sender is not None:
        sender.stop(limit_seconds)
