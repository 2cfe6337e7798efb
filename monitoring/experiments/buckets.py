"""Which part of the traffic is whose: the ranges of what runs, and where there is room."""

from dataclasses import dataclass

from django.db import connection

from monitoring.exceptions import ExperimentError
from monitoring.models import Experiment
from monitoring.models.experiments import BUCKETS

_LOCK = 7412016  # an advisory lock: experiments start one after the other, or two could take the same range


@dataclass(frozen=True, slots=True)
class Held:
    """The range of a running experiment; buckets from `first` to below `end`."""

    name: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Room:
    """What is in use, in the order of the buckets, and the free ranges between, as first and end."""

    held: tuple[Held, ...]
    gaps: tuple[tuple[int, int], ...]

    @property
    def free(self) -> int:
        """How many buckets nobody holds."""
        return sum(end - first for first, end in self.gaps)

    @property
    def largest(self) -> int:
        """How many the next experiment can have: its range is in one piece."""
        return max((end - first for first, end in self.gaps), default=0)


def room() -> Room:
    """Return how full the traffic of people is. One query."""
    running = Experiment.objects.running().of_people().order_by("first_bucket")
    ranges = ((row.name, row.first_bucket or 0, row.traffic) for row in running)
    held = tuple(Held(name, first, first + traffic) for name, first, traffic in ranges)
    firsts, ends = [0, *(one.end for one in held)], [*(one.first for one in held), BUCKETS]
    return Room(held, tuple((first, end) for first, end in zip(firsts, ends, strict=True) if end > first))


def take_range(traffic: int) -> int:
    """Return the first bucket of the smallest gap that has room for `traffic`; holds a lock until the caller's
    transaction ends. Raises ExperimentError, which says what is free and who holds the rest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    now = room()
    fitting = [(end - first, first) for first, end in now.gaps if end - first >= traffic]
    if fitting:
        return min(fitting)[1]
    holders = ", ".join(f'"{one.name}" {one.end - one.first:,}' for one in now.held)
    piece = "" if now.largest == now.free else f", and {now.largest:,} in one piece"
    raise ExperimentError(
        f"There is no room: this needs {traffic:,} of 10,000 parts of the traffic. Free are {now.free:,}{piece}."
        f" In use: {holders}. Stop one of them, or take less traffic."
    )
