"""Who works on a run: one process at a time, as long as it says that it lives.

A process claims a run with a token of its own and beats while it works, from a thread, so that a slow model is not
taken for a dead process. Each write of results states the token in the same transaction: a process that was asleep so
long that another one took over writes nothing more.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from chat.rag.config import LLMCall
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationRun
from monitoring.models.evaluation import EvaluationRunQuerySet
from monitoring.webhooks.telling import tell_run

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
# After this silence a process is taken for dead, and another one may go on.
SILENT_AFTER = timedelta(seconds=20)


class ClaimLostError(EvaluationError):
    """Another process took the run over, because this one was silent for too long."""

    code = "claim_lost"


class RunCancelledError(EvaluationError):
    """A person asked for the run to be cancelled."""

    code = "cancelled"


class Lease:
    """The right of this process to work on one run."""

    def __init__(self, run_id: int, token: uuid.UUID) -> None:
        self.run_id, self.token = run_id, token
        self._lock = threading.Lock()
        self._noted = time.monotonic()
        self._ended = threading.Event()

    def check(self) -> None:
        """Raise RunCancelledError where a person asked for it, ClaimLostError where the run is not ours. One query."""
        wishes = self._mine().values_list("cancel_requested_at", flat=True)[:1]
        if not wishes:
            raise self._lost()
        if wishes[0]:
            raise RunCancelledError(f"Run {self.run_id} was cancelled.")

    def advance(self, items: int, *, calls: Sequence[LLMCall] = (), embed_seconds: float = 0.0) -> None:
        """Count finished items, what `calls` cost and the time worked, in the caller's transaction, which is undone
        when the claim is lost. Raises ClaimLostError. One query."""
        costs = [call.cost_usd for call in calls]
        with self._lock:
            now = time.monotonic()
            worked, self._noted = now - self._noted, now
        changed = self._mine().update(
            heartbeat_at=timezone.now(),
            starts=0,
            done_items=F("done_items") + items,
            duration_seconds=Coalesce(F("duration_seconds"), 0.0) + worked,
            embed_seconds=Coalesce(F("embed_seconds"), 0.0) + embed_seconds,
            cost_usd=F("cost_usd") + sum((cost for cost in costs if cost is not None), Decimal(0)),
            unpriced_calls=F("unpriced_calls") + costs.count(None),
        )
        if not changed:
            raise self._lost()

    def begin(self, due: int) -> None:
        """Say how many items are due, of which the progress follows: also what was finished when a process died."""
        self._mine().update(done_items=F("total_items") - due)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat in a thread until the block is left."""
        thread = threading.Thread(target=self._beat_on, name=f"run-{self.run_id}-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def release(self, status: str, error: str = "") -> bool:
        """Give the run back with its new status; False when another process has it."""
        is_over = status != EvaluationRun.Status.QUEUED
        with transaction.atomic():
            finished_at = timezone.now() if is_over else None
            changed = self._mine().update(status=status, error=error, claim=None, finished_at=finished_at)
            if changed and is_over:
                tell_run(self.run_id)
        return bool(changed)

    def _mine(self) -> EvaluationRunQuerySet:
        return EvaluationRun.objects.filter(pk=self.run_id, claim=self.token, status=EvaluationRun.Status.RUNNING)

    def _lost(self) -> ClaimLostError:
        return ClaimLostError(f"Run {self.run_id} was taken over by another process.")

    def _beat_on(self) -> None:
        try:
            while not self._ended.wait(BEAT_SECONDS):
                try:
                    self._mine().update(heartbeat_at=timezone.now())
                except DatabaseError:  # the next beat tries again; the lease lasts for several
                    logger.exception("beat failed", extra={"run_id": self.run_id})
        finally:
            connection.close()


def claim(run_id: int) -> Lease | None:
    """Take a run that waits, or whose process died; None when somebody works on it, or it is finished."""
    now, token = timezone.now(), uuid.uuid4()
    free = Q(status=EvaluationRun.Status.QUEUED) | Q(
        status=EvaluationRun.Status.RUNNING, heartbeat_at__lt=now - SILENT_AFTER
    )
    claimed = EvaluationRun.objects.filter(free, pk=run_id).update(
        status=EvaluationRun.Status.RUNNING,
        claim=token,
        heartbeat_at=now,
        starts=F("starts") + 1,
        started_at=Coalesce(F("started_at"), now),
        finished_at=None,
        error="",
    )
    return Lease(run_id, token) if claimed else None
