"""Work that one process does at a time. A lock of the database's session says which, so it is free the moment that the
process dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import connection


class Work(IntEnum):
    """What is locked, by any number that no other lock of the site's two numbers has."""

    GENERATION = 7341
    TOPICS = 7342
    DEMO = 7343  # and all other history that is made up


@contextmanager
def sole_process(work: Work, number: int = 0) -> Iterator[bool]:
    """Hold the lock of a piece of work, such as an order's, for the block; False when another process holds it."""
    lock = [work.value, number % 2**31]  # two numbers of 32 bits
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", lock)
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", lock)
