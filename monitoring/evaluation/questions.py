"""What is due of a run, and the items as a run needs them: the question, what is relevant to it, and what is unknown.

Due are the items of the run's version and split, in order, times the repetitions, without those that are finished.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chat.models import Chunk
from chat.rag.config import Exchange
from monitoring.models import DatasetItem, EvaluationItem, EvaluationRun, RelevantDocument
from monitoring.models.datasets import DatasetItemQuerySet

NOT_ANSWERABLE = "Nothing answers this question, on purpose."
NOTHING_NAMED = "The item names no relevant document."
ALL_GONE = "All its relevant documents are gone from the knowledge base."
NO_SPANS = "The item says which documents are relevant, not which passages."
NO_CHUNK = "No chunk holds the passages that the item names."


@dataclass(frozen=True, slots=True)
class Question:
    """An item of a dataset, loaded for a run. `document_grades` and `chunk_grades` hold what is relevant, by id; where
    they are empty, `unscored` and `chunks_unscored` say why."""

    item_id: int
    question: str
    collection_id: int | None
    language: str = ""  # of the collection, as PostgreSQL names it; empty: several or unknown
    history: tuple[Exchange, ...] = ()
    expected_answer: str = ""
    is_answerable: bool = True
    document_grades: Mapping[int, int] = field(default_factory=dict)
    chunk_grades: Mapping[int, int] = field(default_factory=dict)
    unscored: str = ""
    chunks_unscored: str = ""

    def grade(self, chunk_id: int, document_id: int) -> int:
        """Return how relevant a ranked chunk is, 0: not. A document counts as a whole where no passage is named."""
        if self.chunks_unscored:
            return self.document_grades.get(document_id, 0)
        return self.chunk_grades.get(chunk_id, 0)


Due = tuple[int, int]  # item id, repetition


def items_of(run: EvaluationRun) -> DatasetItemQuerySet:
    """Return the items that a run is about, in their order."""
    items = DatasetItem.objects.filter(dataset_id=run.dataset_id).in_version(run.version).order_by("pk")
    if run.split != EvaluationRun.ALL_SPLITS:
        items = items.filter(split=run.split)
    return items[: run.item_limit] if run.item_limit else items


def due_of(run: EvaluationRun) -> list[Due]:
    """Return what is not finished yet, repetition by repetition. Two queries."""
    item_ids = list(items_of(run).values_list("pk", flat=True))
    finished = set(EvaluationItem.objects.filter(run=run).values_list("item_id", "repetition"))
    return [
        (item_id, repetition)
        for repetition in range(1, run.repeat + 1)
        for item_id in item_ids
        if (item_id, repetition) not in finished
    ]


def has_spans(run: EvaluationRun) -> bool:
    """Whether passages are known of any item of the run, so that chunks can be measured too. One query."""
    item_ids = items_of(run).values("pk")
    return RelevantDocument.objects.filter(item__in=item_ids, end__isnull=False).exists()


def load_questions(item_ids: Sequence[int]) -> dict[int, Question]:
    """Return questions by the ids of their items. Three queries."""
    items = list(DatasetItem.objects.with_relevant().filter(pk__in=item_ids))
    chunk_grades = _chunk_grades(items)
    return {item.pk: _question(item, chunk_grades.get(item.pk, {})) for item in items}


def _question(item: DatasetItem, chunk_grades: Mapping[int, int]) -> Question:
    document_grades: dict[int, int] = {}
    relevant = item.relevant.all()
    for row in relevant:
        if row.document_id is not None:
            document_grades[row.document_id] = max(row.relevance, document_grades.get(row.document_id, 0))
    if not item.is_answerable:
        unscored, document_grades, chunk_grades = NOT_ANSWERABLE, {}, {}
    else:
        unscored = "" if document_grades else ALL_GONE if relevant else NOTHING_NAMED
    no_chunks = NO_CHUNK if any(row.end is not None for row in relevant) else NO_SPANS
    return Question(
        item_id=item.pk,
        question=item.question,
        collection_id=item.collection_id,
        language=item.collection.language if item.collection else "",
        history=tuple(Exchange(pair["question"], pair["answer"]) for pair in item.history),
        expected_answer=item.expected_answer,
        is_answerable=item.is_answerable,
        document_grades=document_grades,
        chunk_grades=chunk_grades,
        unscored=unscored,
        chunks_unscored=unscored or ("" if chunk_grades else no_chunks),
    )


def _chunk_grades(items: Sequence[DatasetItem]) -> dict[int, dict[int, int]]:
    """Return for each item with spans the grades of the chunks that share a character with one of them."""
    spans = [(item.pk, row) for item in items for row in item.relevant.all() if row.document_id and row.end is not None]
    grades: dict[int, dict[int, int]] = defaultdict(dict)
    if not spans:
        return grades
    chunks: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    document_ids = {row.document_id for _, row in spans}
    found = Chunk.objects.filter(document__in=document_ids).values_list("document_id", "pk", "start", "end")
    for document_id, chunk_id, start, end in found:
        chunks[document_id].append((chunk_id, start, end))
    for item_id, row in spans:
        for chunk_id, start, end in chunks[row.document_id or 0]:
            if start < (row.end or 0) and end > (row.start or 0):
                grades[item_id][chunk_id] = max(row.relevance, grades[item_id].get(chunk_id, 0))
    return grades
