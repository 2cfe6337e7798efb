"""Working off a run: claim it, find what is due, and do that piece by piece, each piece in one transaction.

A process that dies loses the piece it was at, which another one does again; everything before stays, so that nothing is
done or paid twice.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from chat.exceptions import ChatError
from monitoring.evaluation.lease import ClaimLostError, Lease, RunCancelledError, claim
from monitoring.evaluation.questions import Due, due_of, items_of, load_questions
from monitoring.evaluation.retrieval import BATCH_QUESTIONS, QuestionVectors, Searcher
from monitoring.evaluation.scoring import score_ranking
from monitoring.evaluation.writing import Result, write_results
from monitoring.models import EvaluationRun, RelevantDocument

logger = logging.getLogger(__name__)

Status = EvaluationRun.Status


def _no_progress(items: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Working:
    """How a process works: what it keeps from run to run, whom it tells, and when it gives the run back."""

    vectors: QuestionVectors = field(default_factory=QuestionVectors)
    on_progress: Callable[[int], None] = _no_progress  # hears how many items were finished
    until: float = float("inf")  # time.monotonic(): a run that is not finished by then waits in the queue again

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


def work_on(run_id: int, working: Working | None = None) -> str | None:
    """Work on a run until it is finished, cancelled, failed or the time is over; return its status then.

    None: another process has it, or it is finished already. Ctrl-C leaves it cancelled, to be resumed.
    """
    lease = claim(run_id)
    if lease is None:
        return None
    status, error = Status.FAILED.value, "The program failed; the error is in its log."
    try:
        with lease.beating():
            status, error = _outcome(lease, working or Working())
    except KeyboardInterrupt:
        status, error = Status.CANCELLED.value, "Stopped by Ctrl-C."
        raise
    except SystemExit:  # the process is told to end, and somebody else goes on
        status, error = Status.QUEUED.value, ""
        raise
    finally:
        mine = lease.release(status, error)
    return status if mine else None


def _outcome(lease: Lease, working: Working) -> tuple[str, str]:
    """Do the work; return the status that the run gets, and why where it is no good one."""
    run = EvaluationRun.objects.select_related("config__embedder", "dataset").get(pk=lease.run_id)
    try:
        is_done = evaluate_retrieval(run, lease, working)
    except ClaimLostError as error:
        logger.warning("claim lost", extra={"run_id": run.pk})
        return Status.FAILED, str(error)  # which is not written, since the run is another's
    except RunCancelledError:
        return Status.CANCELLED, ""
    except ChatError as error:
        return Status.FAILED, str(error)
    return (Status.DONE if is_done else Status.QUEUED), ""


def evaluate_retrieval(run: EvaluationRun, lease: Lease, working: Working) -> bool:
    """Search for all questions that are due, in batches; False when the time was over before."""
    searcher = Searcher(run.config, working.vectors)
    with_chunks = has_spans(run)
    due = due_of(run)
    for begin in range(0, len(due), BATCH_QUESTIONS):
        lease.check()
        if working.is_over:
            return False
        batch = due[begin : begin + BATCH_QUESTIONS]
        results = _searched(run, searcher, batch, with_chunks=with_chunks)
        try:
            with transaction.atomic():
                write_results(run.pk, results)
                lease.advance(len(results), embed_seconds=searcher.embed_seconds)
        except IntegrityError as error:
            raise ClaimLostError(f"Run {run.pk} has results of another process.") from error
        working.on_progress(len(results))
    return True


def has_spans(run: EvaluationRun) -> bool:
    """Whether passages are known of any item of the run, so that chunks can be measured too. One query."""
    item_ids = items_of(run).values("pk")
    return RelevantDocument.objects.filter(item__in=item_ids, end__isnull=False).exists()


def _searched(run: EvaluationRun, searcher: Searcher, batch: Sequence[Due], *, with_chunks: bool) -> list[Result]:
    loaded = load_questions([item_id for item_id, _ in batch])
    questions = [loaded[item_id] for item_id, _ in batch]
    return [
        Result(
            question=question,
            repetition=repetition,
            ranking=ranking,
            measurements=score_ranking(question, ranking, k=run.k, with_chunks=with_chunks),
        )
        for (_, repetition), question, ranking in zip(batch, questions, searcher.rankings(questions), strict=True)
    ]
