"""One row of a file as an item."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from chat.models import Collection
from monitoring.datasets.cells import as_grades, as_history, as_list, as_spans, as_split, as_text, as_yes_or_no
from monitoring.datasets.columns import Columns
from monitoring.datasets.drafts import CLUSTER_MAX_CHARS, ItemDraft, Relevant
from monitoring.datasets.known_documents import KnownDocuments
from monitoring.datasets.questions import why_no_question
from monitoring.exceptions import DatasetError
from monitoring.models import DatasetItem

QUESTION_MAX_CHARS = 8000
TAG_MAX_CHARS = 60
SOURCE_ID_MAX_CHARS = 500

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows by their columns."""

    columns: Columns
    split: str = ""
    keep_placeholders: bool = False

    def source_ids(self, row: Row) -> Iterator[str]:
        """Yield the ids of the documents that a row names."""
        return (text for text in as_list(row.get(self.columns.document)) if text)

    def draft(self, row: Row, *, line: int, known: KnownDocuments, collection: Collection | None) -> ItemDraft:
        """Return the row as an item. Raises DatasetError with the reason why it cannot be one."""
        columns = self.columns
        question = self._question(row)
        if columns.collection and (name := as_text(row.get(columns.collection))):
            collection = known.collection(name)
        relevant = self._relevant(row, known, collection)
        is_answerable = not as_yes_or_no(row.get(columns.unanswerable), column=columns.unanswerable)
        if relevant and not is_answerable:
            raise DatasetError("is marked as unanswerable and names a document that answers it; leave one of them out")
        cluster = as_text(row.get(columns.cluster))
        if len(cluster) > CLUSTER_MAX_CHARS:
            raise DatasetError(f"the cluster is longer than {CLUSTER_MAX_CHARS} characters")
        return ItemDraft(
            question=question,
            source=self._source(row),
            expected_answer=as_text(row.get(columns.answer)),
            is_answerable=is_answerable,
            history=as_history(row.get(columns.history)),
            tags=self._tags(row),
            collection_id=collection.pk if collection else None,
            relevant=relevant,
            cluster=cluster,
            split=as_split(row.get(columns.split)) if columns.split else self.split,
            line=line,
        )

    def _question(self, row: Row) -> str:
        question = as_text(row.get(self.columns.question))
        if not question:
            raise DatasetError("the question is empty")
        if not self.keep_placeholders and (reason := why_no_question(question)):
            raise DatasetError(reason)
        if len(question) > QUESTION_MAX_CHARS:
            raise DatasetError(f"the question has {len(question):,} characters, more than {QUESTION_MAX_CHARS:,}")
        return question

    def _relevant(self, row: Row, known: KnownDocuments, collection: Collection | None) -> tuple[Relevant, ...]:
        ids = list(self.source_ids(row))
        grades = as_grades(row.get(self.columns.relevance), len(ids))
        spans = as_spans(row.get(self.columns.span), len(ids))
        found: dict[tuple[str, int | None], Relevant] = {}
        for source_id, grade, span in zip(ids, grades, spans, strict=True):
            start, end = span or (None, None)
            document = known.relevant(source_id, collection=collection)
            found.setdefault((source_id, start), replace(document, relevance=grade, start=start, end=end))
        return tuple(found.values())

    def _tags(self, row: Row) -> tuple[str, ...]:
        tags = tuple(dict.fromkeys(tag for tag in as_list(row.get(self.columns.tags), separators=";,") if tag))
        if too_long := [tag for tag in tags if len(tag) > TAG_MAX_CHARS]:
            raise DatasetError(f"the tag {too_long[0][:TAG_MAX_CHARS]!r}… has more than {TAG_MAX_CHARS} characters")
        return tags

    def _source(self, row: Row) -> DatasetItem.Source:
        """Return who made it, where an export says so."""
        text = as_text(row.get(self.columns.source)).upper()
        return DatasetItem.Source(text) if text in DatasetItem.Source.values else DatasetItem.Source.IMPORTED
