"""Strengths from blind comparisons: who is picked over whom, put on one scale, with intervals.

The chance that A is picked over B is 1 / (1 + exp(b - a)) for the strengths a and b, whose sum is 0 (Bradley and Terry,
Rank analysis of incomplete block designs, 1952). A tie counts as half a win for both. The strengths are those that make
what was picked most likely, after half a win and half a loss more of each against an average one: without these one who
won everything would be infinitely strong. They draw strengths a little to each other, the less the more was picked.

One person's picks belong together, so the spread is that between persons (the sandwich estimate, with C / (C - 1) for
C persons), but at least that of picks that do not depend on each other: few persons can agree by chance. Intervals are
Student's for the number of persons. Strengths can be compared only within a group that comparisons connect: between two
that are not even compared by way of others, nothing is known.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from monitoring.statistics.clusters import Floats

Result = Literal["first", "second", "tie"]
SCORES: Mapping[Result, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}
PRIOR = 0.5  # wins, and losses, of each against an average one
_STEPS = 50  # Newton's method takes less than ten
_EQUAL = 1e-10


@dataclass(frozen=True, slots=True)
class Pick:
    """What one person picked of two. `person`: what keeps picks together that are not independent."""

    first: str
    second: str
    result: Result
    person: Hashable


@dataclass(frozen=True, slots=True)
class Strength:
    """`value`: the chance to be picked over an average one, 0 to 1. The ends are None where one person picked all."""

    name: str
    value: float
    low: float | None
    high: float | None
    wins: int
    losses: int
    ties: int
    group: int  # within it strengths can be compared; numbered from 0

    @property
    def n(self) -> int:
        return self.wins + self.losses + self.ties


@dataclass(frozen=True, slots=True)
class Ranking:
    """Strengths, the strongest first; `groups` is 1 where all can be compared."""

    strengths: list[Strength]
    groups: int
    picks: int
    persons: int
    _names: list[str]
    _fitted: "_Fitted"

    def chance(
        self, first: str, second: str, *, confidence: float = 0.95
    ) -> tuple[float, float | None, float | None] | None:
        """Return the chance that the first is picked over the second, with the ends of its interval.

        None where no comparisons connect the two; the ends are None where one person picked all.
        """
        group = {strength.name: strength.group for strength in self.strengths}
        if group[first] != group[second]:
            return None
        one, other = self._names.index(first), self._names.index(second)
        weights = np.zeros(len(self._names))
        weights[one] += 1.0
        weights[other] -= 1.0
        return self._fitted.chance(weights, confidence)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Strengths on the scale of log odds, with the covariances that picks and persons give them."""

    points: Floats
    of_picks: Floats
    of_persons: Floats
    persons: int

    def chance(self, weights: Floats, confidence: float) -> tuple[float, float | None, float | None]:
        """Return the chance that a weighted sum of strengths stands for, with its interval."""
        value = float(weights @ self.points)
        if self.persons < 2:
            return float(expit(value)), None, None
        variance = max(float(weights @ covariance @ weights) for covariance in (self.of_picks, self.of_persons))
        reach = float(stdtrit(self.persons - 1, (1 + confidence) / 2)) * math.sqrt(variance)
        return float(expit(value)), float(expit(value - reach)), float(expit(value + reach))


def rank(picks: Sequence[Pick], *, confidence: float = 0.95) -> Ranking | None:
    """Return the strengths of all that were compared; None where nothing was. Each pick is between two names."""
    from scipy.sparse import coo_array  # takes a quarter of a second to load, and nothing else needs it
    from scipy.sparse.csgraph import connected_components

    if not picks:
        return None
    names = sorted({name for pick in picks for name in (pick.first, pick.second)})
    places = {name: place for place, name in enumerate(names)}
    first = np.asarray([places[pick.first] for pick in picks])
    second = np.asarray([places[pick.second] for pick in picks])
    if (first == second).any():
        raise ValueError("A pick is between two; one names the same twice.")
    scores = np.asarray([SCORES[pick.result] for pick in picks])
    people: dict[Hashable, int] = {}
    persons = np.asarray([people.setdefault(pick.person, len(people)) for pick in picks])
    links = coo_array((np.ones(len(picks)), (first, second)), shape=(len(names), len(names)))
    groups, group = connected_components(links, directed=False)
    fitted = _fit(np.eye(len(names))[first] - np.eye(len(names))[second], scores, persons)
    strengths = []
    for place, name in enumerate(names):
        # Against the mean of those it can be compared with.
        weights = np.where(group == group[place], -1 / (group == group[place]).sum(), 0.0)
        weights[place] += 1.0
        value, low, high = fitted.chance(weights, confidence)
        results = np.concatenate([scores[first == place], 1 - scores[second == place]])
        wins, losses, ties = ((results == score).sum() for score in (1.0, 0.0, 0.5))
        strengths.append(Strength(name, value, low, high, int(wins), int(losses), int(ties), int(group[place])))
    strengths.sort(key=lambda strength: (strength.group, -strength.value, strength.name))
    return Ranking(strengths, int(groups), len(picks), len(people), names, fitted)


def _fit(design: Floats, scores: Floats, persons: NDArray[np.intp]) -> _Fitted:
    """Return the strengths by Newton's method. `design`: for each pick 1 at the first and -1 at the second name."""
    points = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chances, average = expit(design @ points), expit(points)
        gradient = design.T @ (scores - chances) + PRIOR * (1 - 2 * average)
        information = (design * (chances * (1 - chances))[:, np.newaxis]).T @ design
        of_picks = np.linalg.inv(information + np.diag(2 * PRIOR * average * (1 - average)))
        step = of_picks @ gradient
        points = points + step / max(1.0, np.abs(step).max())  # no further than 1, so that it does not overshoot
        if np.abs(step).max() < _EQUAL:
            break
    people = int(persons.max()) + 1
    pulls = np.zeros((people, design.shape[1]))
    np.add.at(pulls, persons, design * (scores - expit(design @ points))[:, np.newaxis])
    of_persons = of_picks @ (pulls.T @ pulls * (people / max(people - 1, 1))) @ of_picks
    return _Fitted(points, of_picks, of_persons, people)
