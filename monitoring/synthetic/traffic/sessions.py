"""Who asks what when: conversations of several turns, in the order they are asked."""

from dataclasses import dataclass

import numpy as np

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints, Rng, happens, lognormal
from monitoring.synthetic.traffic.habits import TOPIC_SHARES
from monitoring.synthetic.traffic.incidents import TOXIC_IF_TOXIC_USER, Kind
from monitoring.synthetic.traffic.world import World

_ONE_MORE = 0.58  # probability that another question follows
_TURNS_MAX = 10
_OTHER_TOPIC = 0.1  # conversations about anything
_PAUSE_MEDIAN, _PAUSE_SIGMA, _PAUSE_MIN = 55.0, 0.7, 8.0  # reading and typing, seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions, one number for each turn; `session` counts the conversations of a block, `first` is where each
    begins. A turn that is not current was regenerated: the next one takes its place. `p_*` are probabilities that
    the truth is made of."""

    session: Ints
    first: Ints  # one for each conversation
    place: Ints  # in its conversation, from 0
    position: Ints
    is_current: Bools
    user: Ints
    topic: Ints
    item: Ints
    model: Ints
    config: Ints
    created: Floats  # seconds since 1970
    is_answerable: Bools
    is_toxic: Bools
    p_toxic: Floats

    def __len__(self) -> int:
        return len(self.session)


def draw_sessions(world: World, rng: Rng, begins: Floats, counts: Ints) -> Asked:
    """Draw the turns of conversations that begin in these hours; exactly as many as the counts add up to."""
    size = int(counts.sum())
    session, first, place = _lengths(rng, size)
    hour = np.searchsorted(np.cumsum(counts), first, side="right")
    start = begins[hour] + 3600.0 * rng.random(len(first))
    user = np.searchsorted(world.people.reach, rng.random(len(first))).clip(max=len(world.people.names) - 1)
    is_last_user = np.zeros(len(first), np.bool_)
    for incident in world.incidents:
        if incident.kind == Kind.TOXIC_USER:
            is_last_user |= incident.covers(start) & happens(rng, incident.size, len(first))
    user[is_last_user] = len(world.people.names) - 1
    topic = _topics(world, rng, user)

    again = _regenerated(rng, session, place)
    p_toxic = np.where(is_last_user[session], TOXIC_IF_TOXIC_USER, profiles.TOXIC_QUESTION)
    item = _items(world, rng, topic[session])
    is_answerable = ~happens(rng, profiles.UNANSWERABLE, size)
    is_toxic = happens(rng, p_toxic, size)
    for column in (item, is_answerable, is_toxic):
        column[1:][again[:-1]] = column[:-1][again[:-1]]  # the same question once more
    created = _times(world, rng, start, session, first)
    before: Ints = np.cumsum(again) - again
    return Asked(
        session=session,
        first=first,
        place=place,
        position=place + 1 - (before - before[first][session]),
        is_current=~again,
        user=user[session],
        topic=topic[session],
        item=item,
        model=world.people.model[user][session],
        config=_configs(world, user[session], created),
        created=created,
        is_answerable=is_answerable,
        is_toxic=is_toxic,
        p_toxic=p_toxic,
    )


def _lengths(rng: Rng, size: int) -> tuple[Ints, Ints, Ints]:
    """Return conversation and place of each turn, and where conversations begin; the last is cut to fit."""
    lengths = rng.geometric(1 - _ONE_MORE, size).clip(max=_TURNS_MAX)
    ends = np.cumsum(lengths)
    number = int(np.searchsorted(ends, size)) + 1
    first = (ends - lengths)[:number]
    session = np.repeat(np.arange(number), lengths[:number])[:size]
    return session, first, np.arange(size) - first[session]


def _topics(world: World, rng: Rng, user: Ints) -> Ints:
    """Draw what each conversation is about: mostly what its user always asks about."""
    own = np.searchsorted(np.cumsum(TOPIC_SHARES), rng.random(len(user))).clip(max=len(TOPIC_SHARES) - 1)
    topic = world.people.topics[user, own]
    return np.asarray(
        np.where(happens(rng, _OTHER_TOPIC, len(user)), rng.integers(len(world.topic_factors), size=len(user)), topic)
    )


def _items(world: World, rng: Rng, topic: Ints) -> Ints:
    """Draw a question of each topic; a few are asked again and again."""
    counts = world.library.item_count[topic]
    return np.asarray(world.library.first_item[topic] + (counts * rng.random(len(topic)) ** 2).astype(np.int64))


def _regenerated(rng: Rng, session: Ints, place: Ints) -> Bools:
    """Draw which answers are asked for again: neither a first nor a last of a conversation, never two in a row."""
    again = happens(rng, profiles.REGENERATED, len(session)) & (place > 0)
    again[:-1] &= session[:-1] == session[1:]
    again[-1:] = False
    again[1:] &= ~again[:-1]
    return again


def _times(world: World, rng: Rng, start: Floats, session: Ints, first: Ints) -> Floats:
    pauses = lognormal(rng, _PAUSE_MEDIAN, _PAUSE_SIGMA, len(session)) + _PAUSE_MIN
    pauses[first] = 0.0
    passed = np.cumsum(pauses)
    return np.asarray(np.minimum(start[session] + passed - passed[first][session], world.until - 1.0))


def _configs(world: World, user: Ints, created: Floats) -> Ints:
    """Return which config answers: by the user's variant, and the broken one while it is deployed."""
    config = np.where(world.people.is_challenger[user], profiles.CHALLENGER, profiles.CONTROL)
    for incident in world.incidents:
        if incident.kind == Kind.BAD_DEPLOYMENT:
            config[(config == profiles.CONTROL) & incident.covers(created)] = profiles.BROKEN
    return np.asarray(config, np.int64)
