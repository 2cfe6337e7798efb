"""Why a turn needs a person: all flag rules, as code.

Rules that need no judgement always flag. A rule that rests on a judge flags on its own once that judge is proven
against people; until then its flags are advice, which sorts the queue and opens nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from django.conf import settings
from django.db.models import QuerySet

from chat.models import Turn
from monitoring.flags import facts
from monitoring.flags.finding import Finding
from monitoring.flags.verdicts import disputed, failing
from monitoring.models import Flag

ADVISORY_SHARE = 0.5  # of a rule's priority that advice gives

Basis = Literal["record", "judge", "both"]


@dataclass(frozen=True, slots=True)
class FlagRule:
    """One reason. `find` says which of the turns it is handed it finds, once each or more; `priority`: larger comes
    first in the queue; `follows_votes`: it no longer holds when a vote is taken back."""

    reason: Flag.Reason
    text: str  # may name settings, as in "{settings.SLOW_SECONDS:g}"
    priority: float
    basis: Basis
    find: Callable[[QuerySet[Turn]], Iterable[Finding]]
    follows_votes: bool = False

    @property
    def title(self) -> str:
        label = str(self.reason.label)
        return label[0].upper() + label[1:]

    @property
    def looks_for(self) -> str:
        """What it looks for, in words."""
        return self.text.format(settings=settings)


def _wrongly_cited(turns: QuerySet[Turn]) -> Iterator[Finding]:
    return chain(facts.citing_nothing(turns), failing("citation_accuracy")(turns))


# The sample has a high priority: an unbiased rate needs that what was drawn is reviewed, not that it looks doubtful.
RULES: Mapping[Flag.Reason, FlagRule] = {
    rule.reason: rule
    for rule in (
        FlagRule(
            Flag.Reason.TOXIC,
            "A judge calls the answer or the question insulting, hateful, threatening or obscene.",
            8,
            "judge",
            failing("toxicity", "question_toxicity"),
        ),
        FlagRule(
            Flag.Reason.THUMBS_DOWN,
            "A user gave thumbs down.",
            6,
            "record",
            facts.with_thumbs_down,
            follows_votes=True,
        ),
        FlagRule(
            Flag.Reason.SAMPLE,
            "Drawn at random, {settings.REVIEW_SAMPLE_RATE:g} of all answers, so that rates are unbiased.",
            5,
            "record",
            facts.drawn,
        ),
        FlagRule(
            Flag.Reason.NOT_GROUNDED,
            "A judge says that the hits do not support the answer, or not all of it.",
            4,
            "judge",
            failing("groundedness"),
        ),
        FlagRule(
            Flag.Reason.DISAGREEMENT,
            "Thumbs up on an answer that a judge calls not relevant or not grounded, or thumbs down on one that judges"
            " find fully relevant and grounded.",
            4,
            "judge",
            disputed,
            follows_votes=True,
        ),
        FlagRule(
            Flag.Reason.NOT_RELEVANT,
            "A judge says that the answer does not answer the question.",
            3,
            "judge",
            failing("relevance"),
        ),
        FlagRule(
            Flag.Reason.WRONG_CITATION,
            "The answer cited hits that do not exist, or a judge says that a citation does not support its sentence.",
            3,
            "both",
            _wrongly_cited,
        ),
        FlagRule(
            Flag.Reason.ERROR,
            "The answer failed, such as by an error of the model.",
            2,
            "record",
            facts.without_answer,
        ),
        FlagRule(
            Flag.Reason.SLOW,
            "The answer took more than {settings.SLOW_SECONDS:g} s.",
            1,
            "record",
            facts.slow,
        ),
    )
}


def priority_of(flags: Iterable[tuple[str, bool]]) -> float:
    """Return the priority of a conversation by its flags (reason, is advice): the sum over different reasons, each
    once however many turns have it; advice counts half."""
    weights: dict[str, float] = {}
    for reason, is_advisory in flags:
        share = ADVISORY_SHARE if is_advisory else 1.0
        weights[reason] = max(weights.get(reason, 0.0), share * RULES[Flag.Reason(reason)].priority)
    return sum(weights.values())
