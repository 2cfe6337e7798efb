"""How much room is left: on the disk of the data folder, and how large the database is."""

import shutil
from dataclasses import dataclass

from django.conf import settings
from django.db import connection


@dataclass(frozen=True, slots=True)
class Disk:
    """Of the file system that holds the data folder."""

    total_bytes: int
    free_bytes: int  # for this process, without what is kept for root

    @property
    def used_ratio(self) -> float:
        return 1 - self.free_bytes / self.total_bytes


def disk() -> Disk:
    """Return the room on the disk of the data folder."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    return Disk(usage.total, usage.free)


def database_bytes() -> int:
    """Return how large the database is, with its indexes; one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
