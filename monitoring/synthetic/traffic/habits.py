"""Users with habits: how much each asks, about what, how readily they vote and how kindly."""

import hashlib
from dataclasses import dataclass

import numpy as np

from chat.models.people import MADE_UP_PREFIX
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints, Rng
from monitoring.synthetic.traffic.profiles import MODELS

TOPICS_EACH = 3
TOPIC_SHARES = (0.5, 0.3, 0.2)
_TURNS_PER_USER = 60
_USERS_MIN, _USERS_MAX = 12, 2000


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


def draw_population(rng: Rng, *, turns: int, topics: int, split: float) -> Population:
    """Draw users, about one for 60 turns: a few ask much, most little; popular topics are many users' own."""
    count = int(np.clip(turns // _TURNS_PER_USER, _USERS_MIN, _USERS_MAX))
    names = tuple(username(number) for number in range(1, count + 1))
    activity = rng.pareto(1.6, count) + 0.3
    activity[-1] = activity.min()
    popularity = 1.0 / (1.0 + rng.permutation(topics))
    own = rng.choice(topics, size=(count, TOPICS_EACH), p=popularity / popularity.sum())
    return Population(
        names=names,
        reach=np.cumsum(activity) / activity.sum(),
        topics=own.astype(np.int64),
        votes=np.clip(rng.beta(0.8, 5.5, count), 0.005, 0.5),
        kindness=rng.normal(0.0, 0.03, count),
        model=rng.choice(len(MODELS), size=count, p=[model.share for model in MODELS]).astype(np.int64),
        is_challenger=np.asarray([variant_of(name, split) == "challenger" for name in names], np.bool_),
    )


def username(number: int) -> str:
    """Return the name of a synthetic user; nobody can sign in by it."""
    return f"{MADE_UP_PREFIX}{number:04}"


def variant_of(user_key: str, split: float) -> str:
    """Return the variant that a user gets, always the same: "challenger" for a share `split` of all users."""
    digest = hashlib.sha256(f"synthetic:{user_key}".encode()).digest()
    return "challenger" if int.from_bytes(digest[:8], "big") < split * 2**64 else "control"
