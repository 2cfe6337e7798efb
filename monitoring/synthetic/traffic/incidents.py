"""What goes wrong in a world, when, and how much: each is written into the truth file with the alert that must find
it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np

from monitoring.synthetic.traffic.arrays import Bools, Floats, Rng

HOUR = 3600.0


class Kind(StrEnum):
    SLOW_HOUR = "slow_hour"
    ERROR_BURST = "error_burst"
    TOXIC_USER = "toxic_user"
    COST_SPIKE = "cost_spike"
    THUMBS_DOWN_WAVE = "thumbs_down_wave"
    BAD_DEPLOYMENT = "bad_deployment"


@dataclass(frozen=True, slots=True)
class Shape:
    """How long an incident lasts, how large it is, and in words what `size` is."""

    hours: int
    size: float
    means: str


# The bad deployment comes last, so that there is a good week to hold it against.
SHAPES: Mapping[Kind, Shape] = {
    Kind.SLOW_HOUR: Shape(1, 20.0, "models take so many times as long"),
    Kind.ERROR_BURST: Shape(1, 0.4, "more answers fail, as a share"),
    Kind.TOXIC_USER: Shape(3, 0.35, "share of the conversations that are one user's, who insults the assistant"),
    Kind.COST_SPIKE: Shape(2, 60_000.0, "tokens more in each prompt: somebody pastes whole books"),
    Kind.THUMBS_DOWN_WAVE: Shape(2, 0.75, "users turn their thumbs down whatever the answer, as a share"),
    Kind.BAD_DEPLOYMENT: Shape(6, 0.70, "share of the answers of a new config that no hit supports"),
}
# The alert that must find each, and those that may be raised along with it.
ALERTS: Mapping[Kind, tuple[str, ...]] = {
    Kind.SLOW_HOUR: ("slow_first_token",),
    Kind.ERROR_BURST: ("error_rate",),
    Kind.TOXIC_USER: ("toxicity",),
    Kind.COST_SPIKE: ("cost_spike",),
    Kind.THUMBS_DOWN_WAVE: ("thumbs_down_wave",),
    Kind.BAD_DEPLOYMENT: ("groundedness_drop", "error_rate", "thumbs_down_wave"),
}
WAVE_VOTE_FACTOR = 5.0
TOXIC_IF_TOXIC_USER = 0.8


@dataclass(frozen=True, slots=True)
class Incident:
    """[begin, end) in seconds since 1970."""

    kind: Kind
    begin: float
    end: float
    size: float

    def covers(self, seconds: Floats) -> Bools:
        return np.asarray((seconds >= self.begin) & (seconds < self.end), np.bool_)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the truth file has it."""
        times = {name: datetime.fromtimestamp(getattr(self, name), UTC).isoformat() for name in ("begin", "end")}
        return {**asdict(self), "kind": self.kind.value, **times, "means": SHAPES[self.kind].means}


def place_incidents(rng: Rng, begins: Floats, weights: Floats) -> tuple[Incident, ...]:
    """Return one incident of each kind, each in a stretch of its own, where much is asked. `begins`, `weights`: of
    the hours of a world. A world of less than two days has none: there would be no quiet beside them."""
    if len(begins) < 48:
        return ()
    stretches = np.array_split(np.arange(len(begins)), len(SHAPES))
    return tuple(
        _placed(rng, kind, shape, begins, weights, list(stretch))
        for (kind, shape), stretch in zip(SHAPES.items(), stretches, strict=True)
    )


def _placed(rng: Rng, kind: Kind, shape: Shape, begins: Floats, weights: Floats, stretch: Sequence[int]) -> Incident:
    length = min(shape.hours, len(stretch))
    sums = np.asarray([weights[place : place + length].sum() for place in stretch[: len(stretch) - length + 1]])
    busy = np.flatnonzero(sums >= 0.8 * sums.max())
    begin = float(begins[stretch[int(rng.choice(busy))]])
    return Incident(kind, begin, begin + length * HOUR, shape.size)
