"""Keeping roll-ups current: the worker's part each minute. Reading is right without it, but slower."""

from django.db import connection, transaction

HOURS_AT_A_TIME = 200  # of each kind, in one transaction


def refresh() -> int:
    """Make the roll-up of each hour that ended or changed since; return how many hours there were, one for each kind of
    roll-up. Another process that does the same leaves 0 to do."""
    total = 0
    while done := _refresh_some():
        total += done
    return total


def _refresh_some() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT reports.refresh(%s)", [HOURS_AT_A_TIME])
        return int(cursor.fetchone()[0])


def changed_hours() -> int:
    """Return how many hours wait for `refresh`, one for each kind of roll-up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reports.waiting()")
        return int(cursor.fetchone()[0])
