"""Which part of the traffic a figure is of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """Turns asked from `since` to before `until`, of one origin: origins never mix. None: all.

    `zone`: the time zone in which days begin, as PostgreSQL knows it, such as "Europe/Berlin".
    """

    since: datetime
    until: datetime
    origin: str = "USER"
    collection_id: int | None = None
    config_id: int | None = None
    model: str | None = None
    zone: str = "UTC"
