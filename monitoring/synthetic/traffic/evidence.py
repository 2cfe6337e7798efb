"""How much of an incident there is to see. A rule that tells chance from harm needs observations: in a small world an
incident may show too little, and a rule that stays silent is then right. What was drawn is counted by the hour, and the
rule's arithmetic is done on it once more, so that a report which loses observations is no excuse."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import hypot, sqrt

import numpy as np
from django.conf import settings
from numpy.typing import NDArray
from scipy.special import ndtri

from monitoring.alerts import RULES, Rule
from monitoring.alerts.quality import BASELINE_MINIMUM, NORMAL_95, WEEK
from monitoring.statistics.tails import CHANCE, surely_at_least
from monitoring.synthetic.traffic.arrays import Bools, Floats
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.incidents import ALERTS, HOUR, Incident
from monitoring.synthetic.traffic.world import World

HOURS_BEFORE = int(WEEK.total_seconds() / HOUR)
# Near the threshold a rule may find an incident or not: its week before ends at a full hour, ours at one of the world.
CLEARLY = 1.1
MOST = 1_000_000  # observations of an hour; what it would take more for is nothing to find
_ERRORS = -float(ndtri(CHANCE))  # of a mean that is sure


@dataclass(frozen=True, slots=True)
class Seen:
    """`n`: observations at the look that shows most; `takes`: from how many like them on the alert must find it, None
    where no number does, or where the week before has too little to compare with."""

    n: int
    takes: int | None


@dataclass(frozen=True, slots=True)
class Sums:
    """Of values, or of whether something happened."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.n

    def error(self, n: int) -> float:
        """Return the standard error of a mean of `n` such values."""
        return sqrt(max(self.squares - self.total**2 / self.n, 0.0) / max(self.n - 1, 1) / n)


@dataclass(slots=True)
class Evidence:
    """What the alert of each kind of incident looks at, by the hours of a world."""

    world: World
    _hours: dict[str, Floats] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Count a block."""
        size = len(self.world.begins)
        hours = np.floor((block.asked.created - self.world.since) / HOUR).astype(np.int64)
        for alert, counts, values in _watched(block):
            places, some = hours[counts].clip(0, size - 1), values[counts].astype(np.float64)
            sums = [np.bincount(places, weights, size) for weights in (np.ones(len(some)), some, some**2)]
            self._hours[alert] = self._hours.get(alert, np.zeros((3, size))) + np.asarray(sums)

    def of(self, incident: Incident) -> Seen:
        """Return what the hourly looks at an incident show, by the one that shows most."""
        alert = ALERTS[incident.kind][0]
        rule = next(rule for rule in RULES if rule.name == alert)
        window = int(rule.window.total_seconds() / HOUR) if rule.window else 1
        first, last = (round((at - self.world.since) / HOUR) + 1 for at in (incident.begin, incident.end))
        seen = []
        for look in range(first, min(last, len(self.world.begins)) + 1):
            begin = look - window
            latest, usual = self._between(alert, begin, look), self._between(alert, begin - HOURS_BEFORE, begin)
            seen.append(Seen(latest.n, _takes(rule, latest, usual) if latest.n else None))
        return max(seen, key=lambda one: (one.n / one.takes if one.takes else 0.0, one.n), default=Seen(0, None))

    def _between(self, alert: str, begin: int, end: int) -> Sums:
        n, total, squares = self._hours[alert][:, max(begin, 0) : max(end, 0)].sum(axis=1).tolist()
        return Sums(int(n), total, squares)


def _watched(block: Block) -> Iterator[tuple[str, Bools, NDArray[np.generic]]]:
    """Yield for each alert which turns it counts, and by what value."""
    outcomes, votes, first, cost = block.outcomes, block.votes, block.speeds.first_token, block.spending.turn_cost
    yield "error_rate", np.ones(len(block), np.bool_), ~outcomes.is_answer
    yield "slow_first_token", ~np.isnan(first), first > settings.FIRST_TOKEN_SLOW_SECONDS
    yield "thumbs_down_wave", votes.is_rated, ~votes.is_up
    yield "cost_spike", outcomes.is_answer & (cost >= 0), cost
    for said in block.verdicts:
        if said.profile.criterion == "groundedness":
            yield "groundedness_drop", said.is_scored, said.value
        elif said.profile.criterion == "question_toxicity":
            yield "toxicity", said.is_scored, said.fails


def _takes(rule: Rule, latest: Sums, usual: Sums) -> int | None:
    """Return from how many observations like the latest on the rule clearly fires."""

    def fires(n: int) -> bool:
        value = _value(rule.name, n, latest, usual)
        return value is not None and value > rule.threshold * CLEARLY

    if not fires(MOST):
        return None
    few, enough = rule.minimum - 1, MOST
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if fires(middle) else (middle, enough)
    return enough


def _value(alert: str, n: int, latest: Sums, usual: Sums) -> float | None:
    """Return what the rule would read of `n` observations like the latest; None: it has nothing to compare with."""
    match alert:
        case "error_rate" | "slow_first_token":
            return _surely(latest, n)
        case "toxicity":
            return _surely(latest, n) - (_at_most(usual) if usual.n else 0.0)
    if usual.n < BASELINE_MINIMUM:
        return None
    match alert:
        case "thumbs_down_wave":
            return _surely(latest, n) - _at_most(usual)
        case "groundedness_drop":
            return usual.mean - latest.mean - _ERRORS * hypot(latest.error(n), usual.error(usual.n))
        case "cost_spike" if usual.total:
            return (latest.mean - _ERRORS * latest.error(n)) / usual.mean
    return None


def _surely(share: Sums, n: int) -> float:
    return surely_at_least(round(share.mean * n), n)


def _at_most(share: Sums) -> float:
    """Return the upper end of Wilson's interval of 95 %."""
    n, squared = share.n, NORMAL_95**2
    return (share.mean + squared / 2 / n + NORMAL_95 * sqrt(share.mean * (1 - share.mean) / n + squared / 4 / n**2)) / (
        1 + squared / n
    )
