"""The rules. Thresholds are the same in deploy/prometheus/alerts.yml, which a test holds against these."""

from datetime import timedelta

from monitoring.alerts import present
from monitoring.alerts.base import Rule, Severity

RULES: tuple[Rule, ...] = (
    Rule(
        "judge_backlog",
        "Judges fall behind",
        Severity.WARNING,
        "How long the oldest answer waits for a verdict that is due.",
        "seconds",
        threshold=timedelta(minutes=30).total_seconds(),
        minimum=0,
        window=None,
        measure=present.waiting_verdicts,
    ),
    Rule(
        "task_queue",
        "Background tasks wait",
        Severity.WARNING,
        "How long the oldest background task waits for the worker.",
        "seconds",
        threshold=timedelta(minutes=15).total_seconds(),
        minimum=0,
        window=None,
        measure=present.waiting_tasks,
    ),
    Rule(
        "worker_gone",
        "The worker is gone",
        Severity.CRITICAL,
        "How long the worker was not seen.",
        "seconds",
        threshold=timedelta(minutes=5).total_seconds(),
        minimum=0,
        window=None,
        measure=present.silent_worker,
    ),
    Rule(
        "disk_full",
        "The disk is nearly full",
        Severity.CRITICAL,
        "The used share of the disk that holds the data folder.",
        "ratio",
        threshold=0.9,
        minimum=0,
        window=None,
        measure=present.full_disk,
    ),
)
