"""The last hour and the last day, of each origin that is in use: what may be taken back, such as a vote, or is a rate
with its interval, is a gauge over these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from monitoring.reports import Filters, read

WINDOWS: Mapping[str, timedelta] = {"1h": timedelta(hours=1), "24h": timedelta(hours=24)}

# Evaluations have their own reports, and come all at once.
ORIGINS_SQL = """
SELECT origin
  FROM (VALUES ('USER'), ('API'), ('SYNTHETIC')) AS known (origin)
 WHERE origin = 'USER'
    OR EXISTS (
       SELECT
         FROM reports.turn_parts(%(since)s, %(until)s, '1 hour') AS part
        WHERE part.origin = known.origin)
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A range up to now, of one origin."""

    name: str
    filters: Filters

    @property
    def labels(self) -> dict[str, str]:
        return {"origin": self.filters.origin, "window": self.name}

    def read(self, report: str, **extras: Any) -> list[dict[str, Any]]:
        """Return the rows of a report over this range; one query."""
        return read(report, self.filters, **extras)


def windows() -> Iterator[Window]:
    """Yield the ranges of USER, and of other origins with questions in the last day; one query."""
    until = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(ORIGINS_SQL, {"since": until - WINDOWS["24h"], "until": until})
        origins = [row[0] for row in cursor.fetchall()]
    for origin in origins:
        for name, length in WINDOWS.items():
            yield Window(name, Filters(since=until - length, until=until, origin=origin))
