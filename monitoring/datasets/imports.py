"""Questions from a file: each row an item, or a problem with its line and reason. A row that cannot be used costs
itself only; a file whose columns are not as said, or that would bring a document to both sides of a split, is refused
whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from chat.exceptions import IngestError
from chat.models import Collection
from chat.services.records import ReadProblem, Record, read_records
from monitoring.datasets import names
from monitoring.datasets.columns import Columns
from monitoring.datasets.drafts import ItemDraft
from monitoring.datasets.known_documents import KnownDocuments
from monitoring.datasets.links import relink_documents
from monitoring.datasets.rows import RowReader
from monitoring.datasets.splits import Conflict, Ratios
from monitoring.datasets.versions import Change, change_dataset
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset

# Fields of an item that a column speaks of: where the file has the column, a changed cell changes the item.
_SPOKEN = {
    "answer": "expected_answer",
    "tags": "tags",
    "unanswerable": "is_answerable",
    "relevance": "relevant",
    "span": "relevant",
}
_NAMED_CONFLICTS = 10


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the rows of a file are read. Empty: as `Columns` finds them."""

    columns: Columns = field(default_factory=Columns)
    collection: str = ""  # name; empty: by column, or all collections
    split: str = ""  # for all rows; empty: by column, else by document
    ignore_split_column: bool = False  # one that has the usual name
    keep_placeholders: bool = False
    encoding: str = ""
    ratios: Ratios | None = None  # None: the dataset's own


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was left out."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would have done where it is not `saved`."""

    dataset: str
    columns: Columns
    rows: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    without_document: int = 0  # answerable questions of which no document is known: retrieval cannot be scored
    change: Change = field(default_factory=Change)
    saved: bool = False

    @property
    def left_out(self) -> int:
        return len(self.problems)

    @property
    def usable(self) -> int:
        return self.rows - self.left_out


def import_items(
    *,
    dataset_name: str,
    file_name: str,
    data: bytes,
    options: ImportOptions,
    author: Any = None,
    strict: bool = False,
    dry_run: bool = False,
    on_start: Callable[[int], None] = lambda rows: None,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> ImportReport:
    """Add the rows of a file to a dataset, made when absent, as one version; the same file again changes nothing.

    Rows that cannot be used are in the report's `problems`; with `strict` one of them keeps all others out too, and
    with `dry_run` nothing is kept. Raises DatasetError where the file as a whole cannot be used: unreadable, a column
    or collection that is not there, a document on both sides of a split. `on_progress` hears of rows written.
    """
    names.check_name(dataset_name)
    names.check_ratios(options.ratios or Ratios())
    columns, found = _read(file_name, data, options)
    report = ImportReport(dataset_name, columns)
    drafts = _drafts(found, columns, options, report)
    on_start(len(drafts))
    compare = {_SPOKEN[role] for role in columns.used() if role in _SPOKEN}
    with transaction.atomic():
        dataset = _dataset(dataset_name, options.ratios)
        report.change = change_dataset(
            dataset=dataset,
            add=drafts,
            compare=compare,
            note=f"Imported {file_name}.",
            author=author,
            on_progress=on_progress,
        )
        _refuse_both_sides([conflict for conflict in report.change.conflicts if conflict.draft.split])
        report.problems += [RowProblem(conflict.draft.line, conflict.reason) for conflict in report.change.conflicts]
        report.problems.sort(key=lambda problem: problem.line)
        relink_documents(dataset=dataset)
        report.saved = not dry_run and not (strict and report.problems) and bool(report.usable)
        if not report.saved:
            transaction.set_rollback(True)
    return report


def _read(file_name: str, data: bytes, options: ImportOptions) -> tuple[Columns, Iterator[Record | ReadProblem]]:
    """Return the columns as found, and the records."""
    if options.collection and options.columns.collection:
        raise DatasetError("Name one collection for all rows, or the column that names it: one of the two.")
    try:
        header, records = read_records(name=file_name, data=data, encoding=options.encoding)
    except IngestError as exc:
        raise DatasetError(f"{exc}.") from exc
    if options.split and options.columns.split:
        raise DatasetError("Name one split for all rows, or the column that names it: one of the two.")
    without = []
    if options.collection:
        without.append("collection")
    if options.split or options.ignore_split_column:
        without.append("split")
    return options.columns.found_in(header, without=without), records


def _drafts(
    found: Iterator[Record | ReadProblem], columns: Columns, options: ImportOptions, report: ImportReport
) -> list[ItemDraft]:
    """Return the rows that can be used; the others become problems."""
    records: list[Record] = []
    for record in found:
        report.rows += 1
        if isinstance(record, ReadProblem):
            report.problems.append(RowProblem(record.line or 0, record.reason))
        else:
            records.append(record)
    reader = RowReader(columns, split=options.split, keep_placeholders=options.keep_placeholders)
    known = KnownDocuments.of(source_id for record in records for source_id in reader.source_ids(record.fields))
    collection = _collection(options.collection, known)
    drafts: dict[str, ItemDraft] = {}
    for record in records:
        try:
            draft = reader.draft(record.fields, line=record.line, known=known, collection=collection)
            if first := drafts.get(draft.content_hash):
                raise DatasetError(f"is a duplicate of {first.place}: the same question, collection and documents")
        except DatasetError as exc:
            report.problems.append(RowProblem(record.line, str(exc)))
            continue
        drafts[draft.content_hash] = draft
        report.without_document += draft.is_answerable and not draft.relevant
    return list(drafts.values())


def _collection(name: str, known: KnownDocuments) -> Collection | None:
    if not name:
        return None
    try:
        return known.collection(name)
    except DatasetError as exc:
        message = str(exc)
        raise DatasetError(f"{message[0].upper()}{message[1:]}.") from exc


def _dataset(name: str, ratios: Ratios | None) -> Dataset:
    dataset = Dataset.objects.filter(name=name).first()
    if dataset is None:
        return names.create_dataset(name=name, ratios=ratios)
    if ratios is not None and ratios != Ratios(dataset.dev_ratio, dataset.test_ratio):
        raise DatasetError(
            f"{dataset} splits its documents {dataset.dev_ratio:g} to dev and {dataset.test_ratio:g} to test; that was"
            " decided when it was made and cannot change."
        )
    return dataset


def _refuse_both_sides(conflicts: Sequence[Conflict]) -> None:
    """Raise DatasetError that names the rows whose split is not that of their document's other questions."""
    if not conflicts:
        return
    listed = "; ".join(f"{conflict.draft.place}: {conflict.reason}" for conflict in conflicts[:_NAMED_CONFLICTS])
    more = f"; and {len(conflicts) - _NAMED_CONFLICTS} more" if len(conflicts) > _NAMED_CONFLICTS else ""
    raise DatasetError(
        "All questions about a document must be in one split, so that nothing is tuned on what it is tested with."
        f" Nothing was imported. {listed}{more}."
    )
