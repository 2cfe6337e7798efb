"""Importing turns: line by line from a file, in batches of one transaction each.

A turn is told apart by its conversation's id and its own: where it is here already, nothing is added, so an import may
be repeated, and one that was killed goes on. A line that cannot be used is named with its reason, and the others go on.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, ProgrammingError, transaction
from django.db.models import Max, Q
from django.db.models.functions import Greatest, Least

from chat.models import Conversation, Feedback, Hit, ImplicitSignal, LLMCall, Turn
from monitoring.imports.copying import copy_rows, new_ids
from monitoring.imports.reading import Line, LineError
from monitoring.imports.references import References
from monitoring.imports.reviews import write_reviews
from monitoring.imports.rows import (
    call_rows,
    conversation_row,
    feedback_rows,
    flag_rows,
    hit_rows,
    score_rows,
    signal_rows,
    turn_row,
)
from monitoring.models import Flag, Score

logger = logging.getLogger(__name__)

BATCH_LINES = 500
MOST_PROBLEMS = 1000  # that are named; all are counted

Record = dict[str, Any]
Reading = Callable[[Any], Record]


@dataclass(slots=True)
class Report:
    """What came of an import. `first` and `last`: when the turns were asked that were added or would be."""

    added: int = 0
    already_there: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    unknown_documents: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def refuse(self, number: int, reason: object) -> None:
        """Count a line that cannot be used, and name it."""
        self.left_out += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"Line {number}: {reason}.")


@dataclass(slots=True)
class Importing:
    """An import of one file. `read` makes a record of what a line holds, or raises LineError. `origin`: of all turns;
    empty: as each line says."""

    references: References
    read: Reading
    origin: str = ""
    report: Report = field(default_factory=Report)

    def run(self, lines: Iterable[Line], *, on_progress: Callable[[int], object] = lambda size: None) -> Report:
        """Import lines; `on_progress(size)` is called after each batch that is stored."""
        batch: list[Line] = []
        for line in lines:
            batch.append(line)
            if len(batch) == BATCH_LINES:
                self._import(batch)
                on_progress(sum(line.size for line in batch))
                batch = []
        self._import(batch)
        on_progress(sum(line.size for line in batch))
        self.report.made = self.references.made
        self.report.unknown_documents = self.references.unknown_documents
        return self.report

    def _import(self, lines: Sequence[Line]) -> None:
        usable = []
        for line in lines:
            try:
                if line.problem:
                    raise LineError(line.problem)
                usable.append((line.number, _with_uuid(self.read(line.value))))
            except LineError as error:
                self.report.refuse(line.number, error)
        if not usable:
            return
        made = self.references.made.copy()
        try:
            self._count(usable, self._store(usable))
        except ProgrammingError:  # no line's fault, such as tables that were not made yet
            raise
        except (DatabaseError, LineError):  # one of them cannot be stored: find out which
            self.references.forget()
            self.references.made = made
            for number, record in usable:
                made = self.references.made.copy()
                try:
                    self._count([(number, record)], self._store([(number, record)]))
                except (DatabaseError, LineError) as error:
                    self.references.forget()
                    self.references.made = made
                    self.report.refuse(number, _reason(error))

    @transaction.atomic
    def _store(self, numbered: Sequence[tuple[int, Record]]) -> list[Record]:
        """Store what is not there, and return it."""
        records = [record for _, record in numbered]
        there = _there({record["conversation"]["id"] for record in records})
        new: dict[tuple[UUID, str], Record] = {}
        for record in records:
            key = record["conversation"]["id"], record["id"]
            if key not in there.turns:
                if key[0] in there.deleted:
                    raise LineError("its conversation was deleted here by its user")
                new.setdefault(key, record)
        ids = dict(zip(new, new_ids(Turn, len(new)), strict=True))
        self._write(new, ids, there)
        return list(new.values())

    def _write(
        self, new: "dict[tuple[UUID, str], Record]", ids: "dict[tuple[UUID, str], int]", there: "_There"
    ) -> None:
        refer = self.references
        begun: dict[UUID, dict[str, Any]] = {}
        for record in new.values():
            origin, conversation = self.origin or record["origin"], record["conversation"]["id"]
            if conversation not in there.conversations and conversation not in begun:
                begun[conversation] = conversation_row(record, refer, origin=origin)
        copy_rows(Conversation, list(begun.values()))
        _place(new.values())
        known = there.turns | ids
        turns = [
            turn_row(
                record,
                refer,
                pk=ids[key],
                origin=self.origin or record["origin"],
                replaces_id=known.get((key[0], record["replaces"] or "")),
            )
            for key, record in new.items()
        ]
        copy_rows(Turn, turns)
        documents = refer.documents(hit for record in new.values() for hit in record["hits"])
        each = [(record, ids[key]) for key, record in new.items()]
        copy_rows(Hit, [row for record, pk in each for row in hit_rows(record, pk, documents)])
        copy_rows(LLMCall, [row for record, pk in each for row in call_rows(record, pk)])
        copy_rows(Feedback, [row for record, pk in each for row in feedback_rows(record, pk, refer)])
        copy_rows(ImplicitSignal, [row for record, pk in each for row in signal_rows(record, pk, refer)])
        ids_of_scores = _ids_of_scores(new.values())
        rated = [(record, pk, scores) for (record, pk), scores in zip(each, ids_of_scores, strict=True)]
        copy_rows(Score, [row for record, pk, scores in rated for row in score_rows(record, pk, scores, refer)])
        copy_rows(Flag, [row for record, pk, scores in rated for row in flag_rows(record, pk, scores)])
        write_reviews(each, refer)
        _stretch(new.values())

    def _count(self, numbered: Sequence[tuple[int, Record]], new: Sequence[Record]) -> None:
        """Count what was stored."""
        report, times = self.report, [record["created_at"] for record in new]
        report.added += len(new)
        report.already_there += len(numbered) - len(new)
        if times:
            report.first = min(filter(None, [report.first, *times]))
            report.last = max(filter(None, [report.last, *times]))


@dataclass(frozen=True, slots=True)
class _There:
    """What is here already of some conversations: their turns by what an export calls them."""

    conversations: set[UUID]
    deleted: set[UUID]
    turns: dict[tuple[UUID, str], int]


def _there(ids: set[UUID]) -> _There:
    """Look up conversations and lock them, so that two imports at once do not both add a turn. Two queries."""
    rows = Conversation.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    found = dict(rows.values_list("pk", "deleted_at"))
    turns = Turn.objects.filter(conversation__in=found).values_list("conversation_id", "import_key", "pk")
    return _There(
        set(found),
        {pk for pk, deleted_at in found.items() if deleted_at},
        {(conversation, key or str(pk)): pk for conversation, key, pk in turns},
    )


def _ids_of_scores(records: Iterable[Record]) -> list[list[int]]:
    """Return ids for the scores of each record, which flags refer to. One query."""
    counts = [len(record["scores"]) for record in records]
    ids = iter(new_ids(Score, sum(counts)))
    return [list(itertools.islice(ids, count)) for count in counts]


def _place(records: Iterable[Record]) -> None:
    """Give a place to turns that have none: behind what stands in their conversation, in the order of time."""
    unplaced = [record for record in records if record["position"] is None]
    ids = {record["conversation"]["id"] for record in unplaced}
    rows = Turn.objects.filter(conversation__in=ids).order_by().values("conversation_id").annotate(last=Max("position"))
    last = Counter({row["conversation_id"]: row["last"] for row in rows})
    for record in sorted(unplaced, key=lambda record: record["created_at"]):
        last[record["conversation"]["id"]] += 1
        record["position"] = last[record["conversation"]["id"]]


def _stretch(records: Iterable[Record]) -> None:
    """Let imported conversations last from their first to their last turn, also those that an earlier batch began."""
    times: dict[UUID, list[datetime]] = {}
    for record in records:
        if not record["conversation"]["updated_at"]:
            times.setdefault(record["conversation"]["id"], []).append(record["created_at"])
    for pk, asked in times.items():
        Conversation.objects.filter(~Q(import_source=""), pk=pk).update(
            created_at=Least("created_at", min(asked)), updated_at=Greatest("updated_at", max(asked))
        )


def _with_uuid(record: Record) -> Record:
    try:
        record["conversation"]["id"] = UUID(record["conversation"]["id"])
    except ValueError:
        raise LineError(f'conversation.id is no UUID: "{record["conversation"]["id"]}"') from None
    return record


def _reason(error: Exception) -> str:
    """Return why the database refuses a line, in its words."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error)
