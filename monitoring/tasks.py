"""What the worker runs for monitoring. Tasks take ids, call one service and may run twice."""

import time

from django_q.tasks import async_task

from monitoring.evaluation.runner import work_on
from monitoring.evaluation.runs import TASK, sweep_runs
from monitoring.evaluation.working import Working
from monitoring.models import EvaluationRun, Generation
from monitoring.synthetic import orders, pace
from monitoring.synthetic import working as generating

# A run gives the worker back after so long, and waits behind what else there is, such as uploads.
SLICE_SECONDS = 30.0


def run_evaluation(run_id: int, seconds: float = SLICE_SECONDS) -> str:
    """Work on a run for a while, and wait in the queue again for the rest; return its status."""
    status = work_on(run_id, Working(until=time.monotonic() + seconds))
    if status == EvaluationRun.Status.QUEUED:
        async_task(TASK, run_id)
    return status or "not free"


def generate_questions(generation_id: int, seconds: float = SLICE_SECONDS) -> str:
    """Work on an order for questions for a while, and wait in the queue again for the rest; return its status."""
    if not orders.is_due(generation_id):
        return "stopped"
    status = generating.work_on(generation_id, pace.Working(until=time.monotonic() + seconds))
    if status == Generation.Status.QUEUED:
        async_task(orders.TASK, generation_id)
    return status or "not free"


def sweep() -> int:
    """Take up runs, and orders for questions, whose process died; return how many."""
    return sweep_runs() + orders.sweep_generations()
