"""Rules on what only the present has: the worker, what waits for it, and room on the disk."""

from monitoring.alerts.base import Measured, Moment
from monitoring.saturation.backlog import backlog
from monitoring.saturation.space import disk
from monitoring.saturation.worker import task_queue, worker_silence


def silent_worker(moment: Moment) -> Measured:
    """Seconds since the worker was seen; where it never was, since the site was installed or its database started."""
    silence = worker_silence()
    if silence.was_seen:
        return Measured(silence.seconds, None, f"The worker was last seen {silence.seconds:.0f} s ago.")
    return Measured(silence.seconds, None, "The worker was never seen; start it: manage.py qcluster")


def waiting_tasks(moment: Moment) -> Measured:
    """Seconds that the oldest task waits for the worker."""
    queue = task_queue()
    if queue.oldest_seconds is None:
        return Measured(None if queue.waiting else 0.0, None, f"{queue.waiting} tasks wait for the worker.")
    detail = f"{queue.waiting} tasks wait for the worker, the oldest for {queue.oldest_seconds / 60:.0f} minutes."
    return Measured(queue.oldest_seconds, None, detail)


def waiting_verdicts(moment: Moment) -> Measured:
    """Seconds that the oldest answer waits for a verdict."""
    waiting = backlog()
    detail = f"{waiting.due} verdicts are due, the oldest for {waiting.oldest_seconds / 60:.0f} minutes."
    return Measured(waiting.oldest_seconds, None, detail)


def full_disk(moment: Moment) -> Measured:
    """The used share of the disk that holds the data folder."""
    room = disk()
    detail = f"{room.free_bytes / 1e9:.1f} GB of {room.total_bytes / 1e9:.1f} GB are free on the data folder's disk."
    return Measured(room.used_ratio, None, detail)
