"""Simulated experiments with a known truth, as live traffic makes them: users have very different numbers of answers
and come back, few vote, and one user's answers are alike. Shared by tests and bench/experiments.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitoring.statistics.power import units_needed
from monitoring.statistics.ratios import Difference, Sums, difference
from monitoring.statistics.sequences import fixed_interval, sequence_interval

Kind = Literal["votes", "failures", "seconds"]
LOOK_EVERY = 50  # users of both variants
ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True)
class World:
    """Half of the users get the variant, whose figure is the control's `base` and `effect` more."""

    kind: Kind
    base: float
    effect: float = 0.0
    users: int = 2_000
    comes_back: bool = True  # else all answers of a user are there when they come
    longer: int = 0  # looks after the last user has come, when only those that are there come back
    likeness: float = 0.2  # correlation of two answers of one user, for shares

    def draw(self, experiments: int, seed: int) -> Iterator[list[Difference]]:
        """Yield experiments as the differences at each look, after every LOOK_EVERY users, that say anything."""
        random = np.random.default_rng(seed)
        for _ in range(experiments):
            both = [difference(*sums, is_share=self.kind != "seconds") for sums in self._experiment(random)]
            yield [found for found in both if found]

    def all_of_control(self, seed: int) -> Sums:
        """Return the sums of the control at the end of one experiment."""
        return self._experiment(np.random.default_rng(seed))[-1][0]

    def _experiment(self, random: np.random.Generator) -> list[tuple[Sums, Sums]]:
        arrives = np.arange(self.users) // LOOK_EVERY
        in_variant = random.random(self.users) < 0.5
        # Some ask once, some a hundred times: the most active of a hundred users gets 7 % of all answers.
        activity = random.lognormal(0.0, 1.0, self.users)
        looks = self.users // LOOK_EVERY + self.longer
        known = np.minimum((np.arange(looks) + 1) * LOOK_EVERY, self.users)
        user, look = np.arange(self.users), arrives if self.comes_back else np.zeros_like(arrives)
        counts = 1 + random.poisson(2 * activity)
        if self.comes_back:
            # At each later look some more answers; drawn as their number and then when they were.
            later = looks - 1 - arrives
            returns = np.repeat(user, random.poisson(0.15 * activity * later))
            when = arrives[returns] + 1 + (random.random(len(returns)) * later[returns]).astype(int)
            user, look = np.concatenate([user, returns]), np.concatenate([look, when])
            counts = np.concatenate([counts, np.ones_like(returns)])
        figures = self._figures(random, user, counts, self.base + self.effect * in_variant)
        width = looks if self.comes_back else 1
        x, y = (
            np.bincount(user * width + look, figure, self.users * width).reshape(-1, width).cumsum(axis=1)
            for figure in figures
        )
        parts = [x, y, x * x, y * y, x * y]
        sides = [[self._sums(mask, part, known) for part in parts] for mask in (~in_variant, in_variant)]
        users = [np.cumsum(mask)[known - 1] for mask in (~in_variant, in_variant)]
        return [
            tuple(
                Sums(int(count[look]), *(float(part[look]) for part in side))
                for side, count in zip(sides, users, strict=True)
            )
            for look in range(looks)
        ]

    def _sums(self, mask: np.ndarray, part: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the sum over a variant's users at each look."""
        return mask.astype(float) @ part if self.comes_back else np.cumsum(mask * part[:, 0])[known - 1]

    def _figures(
        self, random: np.random.Generator, user: np.ndarray, counts: np.ndarray, truth: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return numerators and denominators of so many answers each of the users; `truth` is by user."""
        if self.kind == "seconds":
            # Mean 1; one user in twenty is nearly four times as slow as the median one.
            slowness = random.lognormal(-0.32, 0.8, len(truth))
            return random.gamma(counts * 2.0, (truth * slowness)[user] / 2.0), counts
        concentration = 1 / self.likeness - 1
        own = random.beta(concentration * truth, concentration * (1 - truth))
        if self.kind == "votes":
            counts = random.binomial(counts, random.beta(0.5, 4.0, len(truth))[user])  # one in nine; most users never
        return random.binomial(counts, own[user]), counts


def planned(found: Difference, effect: float) -> int:
    """Return the plan as the product makes it: anew at each look, from the spread seen by then."""
    return units_needed(spread=found.spread, effect=effect, alpha=ALPHA, power=POWER)


def ever_missed(experiment: list[Difference], truth: float, effect: float) -> tuple[bool, bool]:
    """Return whether the truth was outside of the interval at any look: of the sequence's, and of that for one look."""
    sequence = (sequence_interval(found, alpha=ALPHA, planned_units=planned(found, effect)) for found in experiment)
    fixed = (fixed_interval(found, alpha=ALPHA) for found in experiment)
    return _missed(sequence, truth), _missed(fixed, truth)


def _missed(intervals: Iterator[tuple[float, float]], truth: float) -> bool:
    return any(not low <= truth <= high for low, high in intervals)
