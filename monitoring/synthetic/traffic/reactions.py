"""What people and judges make of the answers: votes, signals, verdicts, labels."""

from dataclasses import dataclass

import numpy as np

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints, Rng, happens, lognormal
from monitoring.synthetic.traffic.incidents import WAVE_VOTE_FACTOR, Kind
from monitoring.synthetic.traffic.outcomes import Outcomes, Quality
from monitoring.synthetic.traffic.profiles import LABELS, JudgeProfile
from monitoring.synthetic.traffic.sessions import Asked
from monitoring.synthetic.traffic.world import World

_VOTE_MAX = 0.9


@dataclass(frozen=True, slots=True)
class Votes:
    """One number for each turn. `after`: seconds from the answer to the vote."""

    is_rated: Bools
    is_up: Bools
    p_rated: Floats
    p_up: Floats
    has_comment: Bools
    reason: Ints  # 0: none, else place in REASONS
    after: Floats
    is_copied: Bools
    opens_source: Bools


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one judge says: one number for each turn, but it looks only at those that are `judged`. `label` is the
    place in LABELS, the passing one first; -1: it failed to say anything."""

    profile: JudgeProfile
    judged: Bools
    label: Ints
    value: Floats
    p_fails: Floats  # that a verdict is a failing one
    p_latent: Floats  # that the turn is a failing one
    is_latent: Bools
    after: Floats
    duration: Floats

    @property
    def is_scored(self) -> Bools:
        return np.asarray(self.judged & (self.label >= 0), np.bool_)

    @property
    def fails(self) -> Bools:
        return np.asarray(self.judged & (self.label > 0), np.bool_)


REASONS = ("", "INACCURATE", "NOT_RELEVANT", "INCOMPLETE", "TOO_LONG", "OTHER")


def draw_votes(world: World, rng: Rng, asked: Asked, outcomes: Outcomes, quality: Quality) -> Votes:
    """Draw who votes on an answer and how: by the answer's quality, the user's habits and the variant."""
    size, people = len(asked), world.people
    is_bad = quality.is_bad
    p_up = np.where(is_bad, profiles.THUMBS_UP_IF_BAD, thumbs_up_of(world)[asked.config])
    p_up = np.where(outcomes.is_refused, profiles.THUMBS_UP_IF_REFUSED, p_up) + people.kindness[asked.user]
    p_up = p_up.clip(0.01, 0.99)
    p_rated = people.votes[asked.user] * np.where(is_bad | outcomes.is_refused, profiles.VOTE_FACTOR_IF_BAD, 1.0)
    for incident in world.incidents:
        if incident.kind == Kind.THUMBS_DOWN_WAVE:
            hit = incident.covers(asked.created)
            p_up[hit] *= 1 - incident.size
            p_rated[hit] = p_rated[hit] * WAVE_VOTE_FACTOR + 0.05
    p_rated = np.where(outcomes.is_answer, p_rated.clip(max=_VOTE_MAX), 0.0)
    is_rated, is_up = happens(rng, p_rated, size), happens(rng, p_up, size)
    other = rng.integers(3, len(REASONS), size)
    reason = np.where(quality.is_ungrounded, 1, np.where(quality.is_irrelevant, 2, other))
    return Votes(
        is_rated=is_rated,
        is_up=is_rated & is_up,
        p_rated=np.asarray(p_rated),
        p_up=np.asarray(p_up),
        has_comment=is_rated & ~is_up & happens(rng, profiles.COMMENT_IF_DOWN, size),
        reason=np.where(is_up, 0, reason),
        after=lognormal(rng, 20.0, 0.8, size).clip(max=600.0),
        is_copied=outcomes.says_something & ~is_bad & happens(rng, profiles.COPIED, size),
        opens_source=outcomes.says_something & happens(rng, profiles.OPENED_SOURCE, size),
    )


def thumbs_up_of(world: World) -> Floats:
    """Return, for each of CONFIGS, how often a vote on a good answer is thumbs up."""
    shares = np.asarray([config.thumbs_up for config in profiles.CONFIGS])
    shares[profiles.CHALLENGER] += world.arguments.effect
    return shares


def draw_verdicts(rng: Rng, asked: Asked, outcomes: Outcomes, quality: Quality) -> tuple[Verdicts, ...]:
    """Draw what each judge says. Answers that only say that they cannot answer get no verdict."""
    speaks = outcomes.says_something
    latent = (
        (speaks, quality.is_ungrounded, quality.p_ungrounded),
        (speaks, quality.is_irrelevant, quality.p_irrelevant),
        (outcomes.is_answer, asked.is_toxic, asked.p_toxic),
    )
    return tuple(
        _verdicts(rng, profile, eligible, is_latent, p_latent)
        for profile, (eligible, is_latent, p_latent) in zip(profiles.JUDGES, latent, strict=True)
    )


def _verdicts(rng: Rng, judge: JudgeProfile, eligible: Bools, is_latent: Bools, p_latent: Floats) -> Verdicts:
    size = len(eligible)
    says_failing = happens(rng, np.where(is_latent, judge.sensitivity, 1 - judge.specificity), size)
    passing, failing = LABELS[judge.criterion]
    label = np.where(says_failing, 1 + rng.integers(len(failing), size=size), 0)
    values = np.asarray([value for _, value in (passing, *failing)])
    is_llm = judge.family == "llm"
    return Verdicts(
        profile=judge,
        judged=eligible & happens(rng, judge.rate, size),
        label=np.where(happens(rng, judge.unscored, size), -1, label),
        value=values[label],
        p_fails=p_latent * judge.sensitivity + (1 - p_latent) * (1 - judge.specificity),
        p_latent=p_latent,
        is_latent=is_latent,
        after=lognormal(rng, 8.0, 0.7, size).clip(max=300.0),
        duration=np.round(lognormal(rng, 1.1 if is_llm else 0.02, 0.3, size), 4),
    )
