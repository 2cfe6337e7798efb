"""Saying which hours changed, for who writes past the triggers that say so for everybody else."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

NOTE_SQL = """
INSERT INTO reports.change (kind, hour)
SELECT kind, hour
  FROM unnest(%(turn_hours)s::timestamptz[]) AS hour
 CROSS JOIN (VALUES ('turn'), ('feedback'), ('score')) AS kinds (kind)
 UNION ALL
SELECT 'call', hour
  FROM unnest(%(call_hours)s::timestamptz[]) AS hour
"""


def note_changes(*, turn_hours: Iterable[datetime], call_hours: Iterable[datetime]) -> None:
    """Note hours (UTC, whole) of turns with their votes and scores, and of calls of models; in the transaction that
    changes them. One query."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE_SQL, {"turn_hours": list(turn_hours), "call_hours": list(call_hours)})
