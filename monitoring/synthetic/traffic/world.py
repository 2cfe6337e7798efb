"""The plan of a world: who asks how much when, what goes wrong, and what all of it stands on. Same arguments and same
knowledge base, same world."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from monitoring.synthetic.traffic.arrays import Floats, Ints, Rng
from monitoring.synthetic.traffic.habits import Population, draw_population, users_of
from monitoring.synthetic.traffic.incidents import Incident, place_incidents
from monitoring.synthetic.traffic.profiles import EFFECT, WEAK_TOPIC_FACTOR
from monitoring.synthetic.traffic.rhythm import hour_begins, hour_weights
from monitoring.synthetic.traffic.texts import Library

# Turns that are drawn and written together: about 40 MB.
BLOCK_TURNS = 10_000
_TOPIC_SIGMA = 0.3


@dataclass(frozen=True, slots=True)
class WorldArguments:
    """What a world is made from. The working hours are those of `zone`; a quiet world has no incidents. `effect`: how
    much more often votes on a good answer of the challenger are thumbs up than on one of the control. `users` None: by
    the turns."""

    days: int
    turns: int
    seed: int
    until: datetime
    zone: str = "UTC"
    quiet: bool = False
    effect: float = EFFECT
    users: int | None = None


@dataclass(frozen=True, slots=True)
class World:
    """A plan. `topic_factors`: how much oftener answers to each topic are wrong; the largest is the weak topic."""

    arguments: WorldArguments
    library: Library
    people: Population
    topic_factors: Floats
    begins: Floats  # of its hours, in seconds since 1970
    counts: Ints  # turns of the conversations that begin in each hour
    incidents: tuple[Incident, ...]

    @property
    def since(self) -> float:
        return float(self.begins[0])

    @property
    def until(self) -> float:
        return self.arguments.until.timestamp()

    def blocks(self) -> Iterator[tuple[int, Floats, Ints]]:
        """Yield the hours in parts that are drawn together: number, begins and counts. More than BLOCK_TURNS where
        one hour has more; at least one turn each."""
        first, number = 0, 0
        cumulated = np.cumsum(self.counts)
        while first < len(self.counts):
            before = int(cumulated[first - 1]) if first else 0
            last = max(int(np.searchsorted(cumulated, before + BLOCK_TURNS, side="right")), first + 1)
            if self.counts[first:last].sum():
                yield number, self.begins[first:last], self.counts[first:last]
                number += 1
            first = last


def plan_world(arguments: WorldArguments, library: Library) -> World:
    """Draw the plan of a world: a few arrays, whatever its size."""
    rng = rng_of(arguments.seed, 0)
    begins = hour_begins(arguments.until, arguments.days)
    weights = hour_weights(begins, arguments.zone)
    topics = len(library.topics)
    factors = np.exp(_TOPIC_SIGMA * rng.standard_normal(topics))
    factors[int(rng.integers(topics))] *= WEAK_TOPIC_FACTOR if topics > 1 else 1.0
    return World(
        arguments=arguments,
        library=library,
        people=draw_population(rng, users=arguments.users or users_of(arguments.turns), topics=topics),
        topic_factors=factors,
        begins=begins,
        counts=rng.multinomial(arguments.turns, weights).astype(np.int64),
        incidents=() if arguments.quiet else place_incidents(rng, begins, weights),
    )


def rng_of(seed: int, *stream: int) -> Rng:
    """Return numbers that depend on the seed and the place alone, not on what was drawn before."""
    return np.random.default_rng([seed, *stream])
