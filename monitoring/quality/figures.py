"""A figure of quality: a value with its interval, or the reason why there is none. Never 0 for "nothing known"."""

from dataclasses import dataclass

from monitoring.statistics.intervals import Interval

NO_LABELS = "No data: no turn has both a verdict and a reviewer's label."
ONE_CONVERSATION = "All labelled turns are of one conversation, which says nothing of others."


@dataclass(frozen=True, slots=True)
class Figure:
    """`reason`: why there is no value, or no interval; empty where there are both."""

    interval: Interval | None
    reason: str = ""

    @property
    def low(self) -> float | None:
        return self.interval.low if self.interval else None


def figure(interval: Interval | None, *, otherwise: str, one_cluster: str = ONE_CONVERSATION) -> Figure:
    """Return an interval as a figure; `otherwise`: what to say where there is none."""
    if interval is None:
        return Figure(None, otherwise)
    return Figure(interval, one_cluster if interval.low is None else "")
