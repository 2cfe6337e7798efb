"""Working off a run: claim it, find what is due, and do that piece by piece, each piece in one transaction.

A process that dies loses the piece it was at, which another one does again; everything before stays, so that nothing is
done or paid twice.
"""

import logging
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from chat.exceptions import ChatError
from chat.models.conversation import Origin
from chat.services.turns import record_calls
from monitoring.evaluation.answers import Answering
from monitoring.evaluation.budget import check_budget
from monitoring.evaluation.lease import ClaimLostError, Lease, RunCancelledError, claim
from monitoring.evaluation.questions import Due, due_of, has_spans, load_questions
from monitoring.evaluation.retrieval import BATCH_QUESTIONS, Searcher
from monitoring.evaluation.scoring import score_ranking
from monitoring.evaluation.staged import StagedRetrieval
from monitoring.evaluation.working import Piece, Working
from monitoring.evaluation.writing import Result, write_results
from monitoring.models import EvaluationRun

logger = logging.getLogger(__name__)

Status = EvaluationRun.Status


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
        is_done = _work_off(run, lease, working)
    except ClaimLostError as error:
        logger.warning("claim lost", extra={"run_id": run.pk})
        return Status.FAILED, str(error)  # which is not written, since the run is another's
    except RunCancelledError:
        return Status.CANCELLED, ""
    except ChatError as error:
        return Status.FAILED, str(error)
    return (Status.DONE if is_done else Status.QUEUED), ""


def _work_off(run: EvaluationRun, lease: Lease, working: Working) -> bool:
    """Do what is due; False when the time was over before."""
    if run.kind == EvaluationRun.Kind.ANSWER:
        answering = Answering(run, lease, working)
        return answering.work_off(answering.pieces())
    if run.config.recipe().is_plain_search:
        return evaluate_retrieval(run, lease, working)
    return StagedRetrieval(run, lease, working).work_off([Piece(*due) for due in due_of(run)])


def evaluate_retrieval(run: EvaluationRun, lease: Lease, working: Working) -> bool:
    """Search for all questions that are due, in batches; False when the time was over before."""
    searcher = Searcher(run.config, working.vectors)
    with_chunks = has_spans(run)
    due = due_of(run)
    lease.begin(len(due))
    for begin in range(0, len(due), BATCH_QUESTIONS):
        lease.check()
        check_budget(run)
        if working.is_over:
            return False
        batch = due[begin : begin + BATCH_QUESTIONS]
        results = _searched(run, searcher, batch, with_chunks=with_chunks)
        try:
            with transaction.atomic():
                write_results(run.pk, results)
                record_calls(calls=searcher.calls, origin=Origin.EVALUATION)
                lease.advance(len(results), calls=searcher.calls, embed_seconds=searcher.embed_seconds)
        except IntegrityError as error:
            raise ClaimLostError(f"Run {run.pk} has results of another process.") from error
        working.on_progress(len(results))
    return True


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
