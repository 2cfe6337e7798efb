"""How full the site is: answers on their way, what waits for the worker and the judges, connections and room."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from monitoring.metrics.families import gauge
from monitoring.reports.upkeep import changed_hours
from monitoring.saturation.answers import unfinished
from monitoring.saturation.backlog import backlog
from monitoring.saturation.connections import connections
from monitoring.saturation.space import database_bytes, disk
from monitoring.saturation.worker import task_queue, worker_silence


def collect() -> Iterator[Metric]:
    yield from _answers()
    yield from _worker()
    yield from _database()
    room = disk()
    yield gauge("ragsite_data_disk_total_bytes", "Size of the disk of the data folder.", [({}, room.total_bytes)])
    yield gauge("ragsite_data_disk_free_bytes", "Free on the disk of the data folder.", [({}, room.free_bytes)])


def _answers() -> Iterator[Metric]:
    now = unfinished()
    yield gauge(
        "ragsite_turns_in_progress",
        "Questions on their way, over all web processes; pending: nobody answers yet, streaming: the answer comes.",
        [({"state": "pending"}, now.pending), ({"state": "streaming"}, now.streaming)],
    )


def _worker() -> Iterator[Metric]:
    waiting, queue = backlog(), task_queue()
    yield gauge("ragsite_judge_backlog_verdicts", "Verdicts that are due.", [({}, waiting.due)])
    yield gauge(
        "ragsite_judge_backlog_oldest_seconds",
        "How long the oldest answer waits for a verdict that is due.",
        [({}, waiting.oldest_seconds)],
    )
    yield gauge("ragsite_task_queue_tasks", "Background tasks that wait for a worker.", [({}, queue.waiting)])
    yield gauge(
        "ragsite_task_queue_oldest_seconds",
        "How long the oldest background task waits; absent where none does.",
        [({}, queue.oldest_seconds)],
    )
    yield gauge(
        "ragsite_worker_silent_seconds",
        "How long no worker was seen; where none ever was, since the site was installed or its database started.",
        [({}, worker_silence().seconds)],
    )
    yield gauge("ragsite_rollups_changed", "Roll-ups of an hour that the worker is to make.", [({}, changed_hours())])


def _database() -> Iterator[Metric]:
    open_now = connections()
    yield gauge(
        "ragsite_database_connections",
        "Connections to the database, of all processes.",
        [
            ({"state": "active"}, open_now.active),
            ({"state": "idle"}, open_now.idle),
            ({"state": "idle_in_transaction"}, open_now.idle_in_transaction),
        ],
    )
    yield gauge(
        "ragsite_database_connections_max", "Connections that the database server allows.", [({}, open_now.limit)]
    )
    yield gauge("ragsite_database_size_bytes", "Size of the database with its indexes.", [({}, database_bytes())])
