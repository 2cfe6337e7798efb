"""What the worker runs for monitoring. Tasks take ids, call one service and may run twice."""

import time
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from monitoring.alerts.telling import tell_changes
from monitoring.evaluation.runner import work_on
from monitoring.evaluation.runs import TASK, sweep_runs
from monitoring.evaluation.working import Working
from monitoring.experiments.exposing import sweep_exposures
from monitoring.experiments.looks import look_where_due
from monitoring.exports import orders as export_orders
from monitoring.exports import working as exporting
from monitoring.flags.raising import raise_flags, sweep_flags
from monitoring.judging import backfills, claims, forgetting, nudges
from monitoring.judging.worker import work_on_due
from monitoring.models import EvaluationRun, Export, Generation, JudgeVersion, TopicRun
from monitoring.quality.errors import refresh_judge_errors
from monitoring.quality.standing import refresh_all
from monitoring.reports import refresh
from monitoring.reviewing.replay import run_replay, sweep_replays
from monitoring.saturation import backlog
from monitoring.synthetic import orders, pace
from monitoring.synthetic import working as generating
from monitoring.topics import forgetting as topic_forgetting
from monitoring.topics import orders as topic_orders
from monitoring.topics import working as grouping
from monitoring.webhooks.background import send_in_background
from monitoring.webhooks.managing import forget_old

# A run gives the worker back after so long, and waits behind what else there is, such as uploads.
SLICE_SECONDS = 30.0
# A turn that the worker hears of finished this lately; what is older is left to the sweep.
HEARD_LATELY = timedelta(minutes=10)
# How well judges agree with people changes as fast as people review.
STANDING_EVERY = timedelta(minutes=5)


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


def group_questions(run_id: int, seconds: float = SLICE_SECONDS) -> str:
    """Work on an order for topics for a while, and wait in the queue again for the rest; return its status."""
    status = grouping.work_on(run_id, seconds)
    if status == TopicRun.Status.QUEUED:
        async_task(topic_orders.TASK, run_id)
    return status or "not free"


def export_turns(export_id: int, seconds: float = SLICE_SECONDS) -> str:
    """Work on an export for a while, and wait in the queue again for the rest; return its status."""
    status = exporting.work_on(export_id, seconds)
    if status == Export.Status.QUEUED:
        async_task(export_orders.TASK, export_id)
    return status or "not free"


def replay(replay_id: int) -> str:
    """Put an item of a dataset to a config again, and say whether the answer is right."""
    return run_replay(replay_id)


def sweep() -> int:
    """Take up runs, and orders for questions, topics and exports, whose process died, order the topics of the day, give
    up replays, and remove old exports; return how many."""
    orders_taken = orders.sweep_generations() + topic_orders.sweep_runs() + export_orders.sweep_exports()
    return sweep_runs() + orders_taken + sweep_replays()


def look_at(turn_id: int, seconds: float = SLICE_SECONDS) -> str:
    """Raise the flags of a turn that finished or was voted on, and judge what finished lately; along with it, whatever
    else the worker was told of meanwhile."""
    raise_flags(sorted({turn_id, *nudges.take_nudges()}))
    counts = work_on_due(time.monotonic() + seconds, newest=HEARD_LATELY)
    if counts.has_more:
        nudges.ask_for_judging()
    return str(counts)


def judge_due(seconds: float = SLICE_SECONDS) -> str:
    """Judge what is due for a while, and wait in the queue again for the rest."""
    nudges.take_askings()
    counts = work_on_due(time.monotonic() + seconds)
    backfills.close_finished()
    if counts.has_more:
        nudges.ask_for_judging()
    return str(counts)


def sweep_judging() -> str:
    """Find what no nudge told of: flags, deleted texts, the standing of judges, and verdicts, which are judged by a
    task of their own."""
    nudges.ask_for_judging()
    claims.clear_claims()
    flagged, forgotten = sweep_flags(), forgetting.forget_deleted() + topic_forgetting.forget_deleted()
    checked = 0
    if _is_standing_old():
        checked = refresh_all()
        refresh_judge_errors()
    backlog.backlog(keep_seconds=backlog.KEEP_SECONDS)  # which /metrics and alerts then find counted
    return f"{flagged} flags, {forgotten} forgotten, {checked} judges checked"


def refresh_reports() -> str:
    """Bring the roll-ups of the reports up to date with what changed."""
    return f"{refresh()} hours"


def sweep_experiments() -> str:
    """Write the exposures that no signal told of, and look at experiments, each hour at each."""
    return f"{sweep_exposures()} exposures, {look_where_due()} looks"


def send_webhooks() -> None:
    """Have the thread of this process send what is due; the task itself waits for no receiver."""
    send_in_background()


def sweep_webhooks() -> str:
    """Tell of alerts, delete old deliveries, and send what is due again and what no task told of."""
    told, forgotten = tell_changes(), forget_old()
    send_in_background()
    return f"{told} alerts told, {forgotten} deliveries forgotten"


def _is_standing_old() -> bool:
    old = Q(standing_checked_at__isnull=True) | Q(standing_checked_at__lt=timezone.now() - STANDING_EVERY)
    return JudgeVersion.objects.filter(old).exists()
