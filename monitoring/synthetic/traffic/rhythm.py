"""When people ask: the hours of a working day in a zone, little at night and at the weekend."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from monitoring.synthetic.traffic.arrays import Floats

# How much is asked in each hour of a working day: a peak before and one after lunch.
HOURS = (1, 1, 1, 1, 1, 2, 4, 10, 22, 32, 36, 34, 24, 28, 34, 33, 28, 20, 12, 9, 8, 6, 4, 2)
WEEKDAYS = (1.0, 1.08, 1.06, 1.02, 0.88, 0.22, 0.18)  # Monday first


def hour_begins(until: datetime, days: int) -> Floats:
    """Return when each hour of the days before `until` begins, in seconds since 1970."""
    first = (until - timedelta(days=days)).timestamp()
    return np.asarray(first + 3600.0 * np.arange(days * 24), np.float64)


def hour_weights(begins: Floats, zone: str) -> Floats:
    """Return how much is asked in each hour, as shares of all; by its middle on the clocks of `zone`."""
    clock = ZoneInfo(zone)
    middles = [datetime.fromtimestamp(begin + 1800, clock) for begin in begins]
    weights = np.asarray([HOURS[at.hour] * WEEKDAYS[at.weekday()] for at in middles], np.float64)
    return np.asarray(weights / weights.sum(), np.float64)
