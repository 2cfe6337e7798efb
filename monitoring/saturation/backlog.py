"""What judges have before them: verdicts that are due, and since when."""

import time
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from monitoring.judging.due import MATCHING_SQL, parameters
from monitoring.judging.rules import Window, WorkingRule, working_rules

# Those that another process is at work on are due too, until their verdict is there.
BACKLOG_SQL = (
    MATCHING_SQL
    + """
SELECT count(*), min(finished_at)
  FROM matching
 WHERE is_sampled
   AND (score_id IS NULL OR (value IS NULL AND retry_at <= now()))
"""
)

# Counting goes over all turns that the rules look at, days of them. It is kept for all processes, the longer the more
# it costs, so that it takes at most a fiftieth of one processor. The worker counts anew each minute, and others only
# where there is none that does.
KEY = "monitoring.backlog"
KEEP_SECONDS, KEEP_TIMES = 15.0, 50
WITHOUT_WORKER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """Verdicts due. `oldest_at`: when the turn that waits longest finished; None: none waits."""

    due: int
    oldest_at: datetime | None

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest waits; 0 where none does."""
        return max((timezone.now() - self.oldest_at).total_seconds(), 0.0) if self.oldest_at else 0.0


def backlog(*, keep_seconds: float = WITHOUT_WORKER_SECONDS) -> Backlog:
    """Return what is due by all active rules, as it was `keep_seconds` ago or later; older where counting is slow."""
    kept: tuple[float, float, Backlog] | None = cache.get(KEY)
    if kept is not None and time.time() - kept[0] < max(keep_seconds, KEEP_TIMES * kept[1]):
        return kept[2]
    started_at = time.perf_counter()
    found = count_backlog()
    cache.set(KEY, (time.time(), time.perf_counter() - started_at, found), None)
    return found


def count_backlog() -> Backlog:
    """Count what is due by all active rules; a query for each rule and range."""
    counts = [_count(working, window) for working in working_rules() for window in working.windows]
    return Backlog(
        sum(due for due, _ in counts),
        min((oldest for _, oldest in counts if oldest is not None), default=None),
    )


def _count(working: WorkingRule, window: Window) -> tuple[int, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(BACKLOG_SQL, parameters(working, window))
        due, oldest = cursor.fetchone()
        return due, oldest
