"""Sums over all time, for counters, of roll-ups that grow with the years.

What is older than some hours is summed up once in a while and kept for all processes; the rest is read each time, so
that a counter is right at every moment. Nothing is added to old hours but by imports, which show when the kept sums are
made anew. A counter only falls where rows are deleted, which Prometheus takes for a restart (docs/metrics.md).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # clocks of several machines differ
SETTLED_AFTER = timedelta(hours=2)
KEEP_SECONDS = 900

Row = tuple[Any, ...]


def rows_of_all_time(name: str, statement: str) -> list[Row]:
    """Return the rows of a statement with the parameters `since` and `until` over two ranges that make all time; the
    caller adds up what is in both. One query, and another each quarter of an hour."""
    now = timezone.now()
    settled: tuple[datetime, list[Row]] | None = cache.get(_key(name))
    if settled is None:
        border = (now - SETTLED_AFTER).replace(minute=0, second=0, microsecond=0)
        settled = border, _rows(statement, BEGINNING, border)
        cache.set(_key(name), settled, KEEP_SECONDS)
    border, rows = settled
    return [*rows, *_rows(statement, border, now + AHEAD)]


def forget_totals(names: Iterable[str]) -> None:
    """Sum up anew the next time: for who has deleted or imported rows."""
    cache.delete_many([_key(name) for name in names])


def _key(name: str) -> str:
    return f"monitoring.totals.{name}"


def _rows(statement: str, since: datetime, until: datetime) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"since": since, "until": until})
        return list(cursor.fetchall())
