"""Users with habits: how much each asks, about what, how readily they vote and how kindly."""

from dataclasses import dataclass

import numpy as np

from chat.models.people import MADE_UP_PREFIX
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints, Rng
from monitoring.synthetic.traffic.dividing import is_challenger
from monitoring.synthetic.traffic.profiles import MODELS

TOPICS_EACH = 3
TOPIC_SHARES = (0.5, 0.3, 0.2)
_TURNS_PER_USER = 60
_USERS_MAX = 2000
USERS_MIN, USERS_LIMIT = 12, 20_000  # that may be asked for


@dataclass(frozen=True, slots=True)
class Population:
    """One number for each user; the last user is the one who can turn toxic. `reach`: cumulated shares of activity."""

    names: tuple[str, ...]
    reach: Floats
    topics: Ints  # shape (users, TOPICS_EACH)
    votes: Floats  # probability to vote on a good answer
    kindness: Floats  # added to the probability of thumbs up
    model: Ints  # place in MODELS
    is_challenger: Bools


def users_of(turns: int) -> int:
    """Return how many users ask so much: about one for 60 turns."""
    return int(np.clip(turns // _TURNS_PER_USER, USERS_MIN, _USERS_MAX))


def draw_population(rng: Rng, *, users: int, topics: int) -> Population:
    """Draw users: a few ask much, most little; popular topics are many users' own."""
    names = tuple(username(number) for number in range(1, users + 1))
    activity = rng.pareto(1.6, users) + 0.3
    activity[-1] = activity.min()
    popularity = 1.0 / (1.0 + rng.permutation(topics))
    own = rng.choice(topics, size=(users, TOPICS_EACH), p=popularity / popularity.sum())
    return Population(
        names=names,
        reach=np.cumsum(activity) / activity.sum(),
        topics=own.astype(np.int64),
        votes=np.clip(rng.beta(0.8, 5.5, users), 0.005, 0.5),
        kindness=rng.normal(0.0, 0.03, users),
        model=rng.choice(len(MODELS), size=users, p=[model.share for model in MODELS]).astype(np.int64),
        is_challenger=np.asarray([is_challenger(name) for name in names], np.bool_),
    )


def username(number: int) -> str:
    """Return the name of a synthetic user; nobody can sign in by it."""
    return f"{MADE_UP_PREFIX}{number:04}"
