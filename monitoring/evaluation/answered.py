"""An answered item as those see it who examine its answer: the same whether it was answered this moment or loaded again
after the process that answered it died."""

from dataclasses import dataclass

from chat.models import Turn
from chat.rag.config import Hit
from monitoring.evaluation.measures.answers import AnsweredItem
from monitoring.evaluation.questions import Question
from monitoring.models import EvaluationItem


@dataclass(frozen=True, slots=True)
class Source:
    """A hit as the model saw it: its number in citations, where it is from, and its text."""

    rank: int
    document_id: int | None
    title: str
    heading_path: str
    text: str


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """What a config answered to an item. `scored`: the measures that it has already."""

    question: Question
    evaluation_item_id: int
    turn_id: int | None
    answer: str
    nothing_found: bool
    sources: tuple[Source, ...]
    scored: frozenset[str] = frozenset()


def answered_now(question: Question, evaluation_item_id: int, turn: Turn, hits: tuple[Hit, ...]) -> AnsweredQuestion:
    """Return what was answered, from a turn that was recorded and the pipeline's hits."""
    return AnsweredQuestion(
        question=question,
        evaluation_item_id=evaluation_item_id,
        turn_id=turn.pk,
        answer=turn.answer,
        nothing_found=bool(turn.nothing_found),
        sources=tuple(
            Source(hit.rank, hit.document_id, hit.document_title, hit.heading_path, hit.text) for hit in hits
        ),
    )


def answered_again(evaluation_item_id: int, question: Question) -> AnsweredQuestion | None:
    """Load what was answered; None where the turn is gone, so that nothing can be said of it. Three queries."""
    row = EvaluationItem.objects.select_related("turn").get(pk=evaluation_item_id)
    if row.turn is None:
        return None
    return AnsweredQuestion(
        question=question,
        evaluation_item_id=row.pk,
        turn_id=row.turn_id,
        answer=row.turn.answer,
        nothing_found=bool(row.turn.nothing_found),
        sources=tuple(
            Source(hit.rank, hit.document_id, hit.document_title, hit.heading_path, hit.text)
            for hit in row.turn.hits.order_by("rank")
        ),
        scored=frozenset(row.scores.values_list("name", flat=True)),
    )


def as_measured(question: Question, answer: str, nothing_found: bool, documents: tuple[int, ...]) -> AnsweredItem:
    """Return an answer as its measures want it; `documents` has the document of each hit, by rank."""
    return AnsweredItem(
        answer=answer,
        expected_answer=question.expected_answer,
        is_answerable=question.is_answerable,
        nothing_found=nothing_found,
        hit_documents=documents,
        relevant_documents=frozenset(question.document_grades),
    )
