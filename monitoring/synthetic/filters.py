"""Which of the questions that were made are worth asking. Each check says in words why a question is dropped.

A question is dropped that is none, that repeats a sentence of its document (any search finds it, so it measures
nothing), whose document is not found by it among the first twenty (it says too little, or is about something else), or
that says the same as one that is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chat.models import Embedder
from chat.models.conversation import Origin
from chat.rag.config import Hit, Query, SearchMode
from chat.rag.passages import split_pieces
from chat.rag.search import search_many
from chat.rag.words import stems
from chat.services.embedding import embed_documents
from chat.services.knowledge import active_embedders
from monitoring.datasets.questions import why_no_question
from monitoring.synthetic.passages import Passage

# Share of a question's words that stand in one sentence. Shorter questions share theirs with some sentence anyway.
COPIED_SHARE = 0.85
COPIED_MIN_WORDS = 4
FOUND_AMONG = 20
# Cosine of all-MiniLM-L6-v2.
SAME_SIMILARITY = 0.95
# As the pipeline takes it: below this nothing relevant is found (see chat.rag.search.is_relevant).
ANSWERED_SIMILARITY = 0.33
QUESTION_MAX_CHARS = 1000


def why_no_good_question(question: str) -> str:
    """Return why a text is not a question that a person would ask, empty when it may be one."""
    if reason := why_no_question(question):
        return reason
    if question.rstrip().endswith(":"):
        return "it announces questions"
    if len(question) > QUESTION_MAX_CHARS:
        return f"it has {len(question):,} characters"
    return ""


def why_copied(question: str, passages: Sequence[Passage]) -> str:
    """Return which sentence a question repeats, empty when it does not."""
    asked = stems(question)
    if len(asked) < COPIED_MIN_WORDS:
        return ""
    for passage in passages:
        for sentence in (passage.title, passage.heading, *(piece.text for piece in split_pieces(passage.text))):
            share = len(asked & stems(sentence)) / len(asked)
            if share >= COPIED_SHARE:
                return f'{share:.0%} of its words are in "{" ".join(sentence.split())[:120]}"'
    return ""


@dataclass(frozen=True, slots=True)
class Looker:
    """Searches a collection by the first embedder that works here."""

    collection_id: int
    embedder: Embedder

    @classmethod
    def of(cls, collection_id: int) -> "Looker":
        """Raises ConfigurationError when no embedder works here."""
        ((pk, _), *_), _ = active_embedders()
        return cls(collection_id, Embedder.objects.get(pk=pk))

    def vectors(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Return the questions' vectors, shape (questions, dimensions)."""
        usable, _ = active_embedders()
        embedder = dict(usable)[self.embedder.pk]
        return embed_documents(embedder, questions, origin=Origin.EVALUATION).vectors

    def found(self, questions: Sequence[str], vectors: NDArray[np.float32]) -> list[list[Hit]]:
        """Return for each question its first hits, best first, without their texts."""
        return search_many(
            queries=[
                Query(question, vector.tolist(), self.collection_id)
                for question, vector in zip(questions, vectors, strict=True)
            ],
            mode=SearchMode.HYBRID,
            embedder_id=self.embedder.pk,
            dimensions=self.embedder.dimensions,
            top_k=FOUND_AMONG,
        )


def why_not_found(wanted: Sequence[int], found: Sequence[Hit]) -> str:
    """Return why a question does not lead to its documents, empty when it leads to all of them."""
    missing = set(wanted) - {hit.document_id for hit in found}
    if not missing:
        return ""
    which = "its document is" if len(wanted) == 1 else f"{len(missing)} of its {len(wanted)} documents are"
    return f"{which} not among the first {FOUND_AMONG} hits"


def why_answered(found: Sequence[Hit]) -> str:
    """Return why a question of everyday life, put to be unanswerable, may be answered here after all."""
    nearest = max((hit.similarity or 0.0 for hit in found), default=0.0)
    return f"a hit has the similarity {nearest:.2f} to it" if nearest >= ANSWERED_SIMILARITY else ""


class Seen:
    """Questions that are kept, by document: one that says the same is looked for among those about the same documents,
    because both would find them."""

    def __init__(self) -> None:
        self._kept: dict[int, list[tuple[str, NDArray[np.float32]]]] = defaultdict(list)

    def add(self, question: str, vector: NDArray[np.float32], document_ids: Iterable[int]) -> None:
        for document_id in document_ids:
            self._kept[document_id].append((question, vector))

    def why_same(self, vector: NDArray[np.float32], document_ids: Iterable[int]) -> str:
        """Return which question says the same, empty when none does."""
        kept = [entry for document_id in document_ids for entry in self._kept[document_id]]
        if not kept:
            return ""
        similarities = np.stack([other for _, other in kept]) @ vector
        nearest = int(similarities.argmax())
        if similarities[nearest] < SAME_SIMILARITY:
            return ""
        return f'its similarity to "{kept[nearest][0][:120]}" is {similarities[nearest]:.2f}'
