"""The groups that figures are checked in, as the reports know them: everything, configs, models, collections, days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from monitoring.synthetic.traffic.arrays import Floats, Ints
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.profiles import MODELS
from monitoring.synthetic.traffic.world import World
from monitoring.synthetic.traffic.writing import Writing

HOUR = 3600.0
ALL, CONFIG, MODEL, COLLECTION, DAY = "", "config", "model", "collection", "day"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Keys of the groups, and the place of each turn's group among them."""

    by: str
    keys: tuple[str, ...]
    places: Ints


class Groups:
    """All groupings of a world's turns."""

    def __init__(self, writing: Writing) -> None:
        world, standing = writing.world, writing.standing
        self._config_keys = tuple(map(str, standing.config_ids))
        collections = np.unique(world.library.collection_ids)
        self._collection_keys = tuple(map(str, collections.tolist()))
        self._collection_of_topic = np.searchsorted(collections, world.library.collection_ids)
        self._day_begins, self._days = _days(world)

    def of(self, block: Block) -> Iterator[Grouping]:
        """Yield the groupings of a block's turns, all of them in one group first."""
        asked = block.asked
        yield Grouping(ALL, ("",), np.zeros(len(asked), np.int64))
        yield Grouping(CONFIG, self._config_keys, asked.config)
        yield Grouping(MODEL, tuple(model.name for model in MODELS), asked.model)
        yield Grouping(COLLECTION, self._collection_keys, self._collection_of_topic[asked.topic])
        days = np.searchsorted(self._day_begins, asked.created, side="right") - 1
        yield Grouping(DAY, self._days, np.asarray(days, np.int64))


def _days(world: World) -> tuple[Floats, tuple[str, ...]]:
    """Return when the days of a world begin, as reports cut them, and their dates. On the clocks of its zone, but hours
    (UTC) are not cut: one that begins before midnight belongs to the day before. The hour in which a range begins is
    cut by the range, and belongs to its first day."""
    zone = ZoneInfo(world.arguments.zone)
    first = datetime.fromtimestamp(world.since, zone).date()
    last = datetime.fromtimestamp(world.until, zone).date()
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    midnights = np.asarray([datetime(date.year, date.month, date.day, tzinfo=zone).timestamp() for date in dates])
    begins = np.ceil(midnights / HOUR) * HOUR
    begins[0] = min(begins[0], world.since)
    return begins, tuple(date.isoformat() for date in dates)
