"""What all measures share: a value or the reason why there is none, and how a ranking is read.

`qrels` say what is relevant: the grade of each relevant id, 1 or more; an id that is missing, or has the grade 0, is
not relevant. A `ranking` holds the ids that were found, best first; ranks start at 1. `k` is a cutoff: the first k ids
count. A question without anything relevant cannot be searched well or badly, so it is unscored, never 0; where
something is relevant and nothing was found, all measures are 0.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from chat.rag.embed import TextEmbedder
from monitoring.evaluation.measures.answers import AnsweredItem

Id = TypeVar("Id", int, str)

NOTHING_RELEVANT = "The item names nothing that is relevant."


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value in 0..1, or None and in `error` the reason: exactly one of the two, as the database wants it."""

    value: float | None
    error: str = ""
    label: str = ""
    explanation: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.error):
            raise ValueError(f"A measurement has a value or an error, not both: {self.value!r}, {self.error!r}.")


def unscored(reason: str) -> Measurement:
    """Return the measurement of what could not be measured."""
    return Measurement(None, reason)


Level = Literal["document", "chunk"]


class RetrievalFunction(Protocol):
    """One ranking against what is relevant."""

    def __call__(self, qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a page says of a measure. `name` is stored with each score."""

    name: str
    label: str
    description: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalMeasure(Measure):
    """A measure of the ranking of one question."""

    level: Level
    function: RetrievalFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerMeasure(Measure):
    """A measure of answers, of many at once, since embedding is much faster so; one measurement each, in order."""

    function: Callable[[Sequence[AnsweredItem], TextEmbedder], list[Measurement]]
    needs_expected_answer: bool = False


def has_relevant(qrels: Mapping[Id, int]) -> bool:
    """Return whether there is anything to find."""
    return any(grade > 0 for grade in qrels.values())


def gains(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> list[int]:
    """Return the grade at each of the first k ranks, 0 for what is not relevant; fewer than k for a short ranking.

    An id that comes again keeps its rank and counts for nothing: what was found once is not found twice.
    """
    if k < 1:
        raise ValueError(f"The cutoff k is {k}; it has to be 1 or more.")
    seen: set[Id] = set()
    grades: list[int] = []
    for found in ranking[:k]:
        grades.append(0 if found in seen else max(0, qrels.get(found, 0)))
        seen.add(found)
    return grades


def first_occurrences(document_ids: Iterable[Id]) -> list[Id]:
    """Return a ranking of documents from the documents of ranked chunks: each stands where its first chunk stood, and
    those after it move up. Cut at k only afterwards."""
    return list(dict.fromkeys(document_ids))
