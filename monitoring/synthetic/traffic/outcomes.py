"""What becomes of each question: answered, refused, failed; right or wrong; and what was found for it."""

from dataclasses import dataclass

import numpy as np

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints, Rng, happens
from monitoring.synthetic.traffic.incidents import Kind
from monitoring.synthetic.traffic.sessions import Asked
from monitoring.synthetic.traffic.world import World


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How each turn ended; `p_*` are probabilities that the truth is made of."""

    is_failed: Bools
    is_interrupted: Bools
    is_stopped: Bools
    is_refused: Bools
    p_failed: Floats  # failed or interrupted
    p_refused: Floats  # of the answers
    error: Ints  # place in ERROR_CODES, of the failed
    attempts: Ints

    @property
    def is_answer(self) -> Bools:
        return np.asarray(~(self.is_failed | self.is_interrupted), np.bool_)

    @property
    def says_something(self) -> Bools:
        """An answer that is more than a refusal."""
        return np.asarray(self.is_answer & ~self.is_refused, np.bool_)


@dataclass(frozen=True, slots=True)
class Quality:
    """How good each answer is, which only the world knows."""

    is_ungrounded: Bools
    is_irrelevant: Bools
    p_ungrounded: Floats
    p_irrelevant: Floats

    @property
    def is_bad(self) -> Bools:
        return np.asarray(self.is_ungrounded | self.is_irrelevant, np.bool_)

    @property
    def kind(self) -> Ints:
        """Which of an item's answers it is."""
        return np.asarray(np.where(self.is_irrelevant, 2, np.where(self.is_ungrounded, 1, 0)), np.int64)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, of all turns but the interrupted ones. NaN: there is no hit."""

    hit_count: Ints
    cited_count: Ints
    top_similarity: Floats
    removed_citation: Bools


def draw_outcomes(world: World, rng: Rng, asked: Asked) -> Outcomes:
    size = len(asked)
    by_model = np.asarray([model.failure for model in profiles.MODELS])
    by_config = np.asarray([config.more_failures for config in profiles.CONFIGS])
    p_fail = by_model[asked.model] + by_config[asked.config]
    for incident in world.incidents:
        if incident.kind == Kind.ERROR_BURST:
            p_fail[incident.covers(asked.created)] += incident.size
    # What nothing is found for is put to no model, so nothing can fail.
    unanswerable = profiles.UNANSWERABLE
    p_answered = unanswerable + (1 - unanswerable) * (1 - p_fail)
    p_unsure = (1 - unanswerable) * (1 - p_fail) * (1 - profiles.STOPPED) * profiles.REFUSED
    interrupted = happens(rng, profiles.INTERRUPTED, size)
    failed = ~interrupted & asked.is_answerable & happens(rng, p_fail, size)
    is_answer = ~interrupted & ~failed
    stopped = is_answer & asked.is_answerable & happens(rng, profiles.STOPPED, size)
    unsure = is_answer & asked.is_answerable & ~stopped & happens(rng, profiles.REFUSED, size)
    shares = np.cumsum([share for _, share in profiles.ERROR_CODES])
    return Outcomes(
        is_failed=failed,
        is_interrupted=interrupted,
        is_stopped=stopped,
        is_refused=(is_answer & ~asked.is_answerable) | unsure,
        p_failed=1 - (1 - profiles.INTERRUPTED) * p_answered,
        p_refused=(unanswerable + p_unsure) / p_answered,
        error=np.searchsorted(shares, rng.random(size)).clip(max=len(shares) - 1).astype(np.int64),
        attempts=np.where(failed, 3, np.where(happens(rng, 0.01, size), 2, 1)).astype(np.int64),
    )


def draw_quality(world: World, rng: Rng, asked: Asked, outcomes: Outcomes) -> Quality:
    size, factor = len(asked), world.topic_factors[asked.topic]
    base = np.asarray([config.ungrounded for config in profiles.CONFIGS])[asked.config]
    p_ungrounded = np.where(asked.config == profiles.BROKEN, base, (base * factor).clip(max=0.6))
    is_ungrounded = happens(rng, p_ungrounded, size)
    # Of those that are ungrounded too: how the two go together is part of the truth.
    less, more = profiles.IRRELEVANT, profiles.IRRELEVANT_IF_UNGROUNDED
    p_irrelevant = (np.where(is_ungrounded, more, less) * np.sqrt(factor)).clip(max=0.6)
    is_irrelevant = happens(rng, p_irrelevant, size)
    return Quality(
        is_ungrounded=is_ungrounded & outcomes.says_something,
        is_irrelevant=is_irrelevant & outcomes.says_something,
        p_ungrounded=p_ungrounded,
        p_irrelevant=p_irrelevant,
    )


def draw_retrieval(world: World, rng: Rng, asked: Asked, outcomes: Outcomes) -> Retrieval:
    size, near = len(asked), asked.is_answerable
    finds_nothing = ~near & happens(rng, profiles.EMPTY_IF_UNANSWERABLE, size)
    similarity = np.where(near, 0.55 + 0.12 * rng.standard_normal(size), 0.2 + 0.04 * rng.random(size))
    similarity = np.round(similarity.clip(0.2, 0.95), 4)
    similarity[finds_nothing | outcomes.is_interrupted] = np.nan
    cites = outcomes.says_something
    return Retrieval(
        hit_count=np.where(finds_nothing, 0, world.library.hit_count[asked.item]),
        cited_count=np.where(cites, world.library.cited[asked.item], 0),
        top_similarity=similarity,
        removed_citation=cites & happens(rng, profiles.REMOVED_CITATION, size),
    )
