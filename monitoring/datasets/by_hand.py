"""Items that a person writes or corrects one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from chat.models import Collection
from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.known_documents import KnownDocuments
from monitoring.datasets.present import as_draft
from monitoring.datasets.questions import why_no_question
from monitoring.datasets.versions import Change, change_dataset
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, DatasetItem


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of an item."""

    question: str
    expected_answer: str = ""
    is_answerable: bool = True
    source_ids: Sequence[str] = ()
    collection: Collection | None = None
    tags: Sequence[str] = ()
    split: str = ""  # empty: by document


def add_by_hand(*, dataset: Dataset, said: Said, author: Any = None) -> Change:
    """Add an item. Raises DatasetError for what cannot be one, or is there already."""
    draft = _draft(said, ())
    return _changed(dataset, draft, remove=(), note=f"Added: {draft.question}", author=author)


def correct_by_hand(*, item: DatasetItem, said: Said, author: Any = None) -> Change:
    """Put a corrected item in an item's place, as one version; history, spans and source stay as far as they fit.
    Raises DatasetError, also where somebody removed or corrected the item meanwhile."""
    before = as_draft(item)
    is_elsewhere = before.collection_id != (said.collection.pk if said.collection else None)
    draft = _draft(said, () if is_elsewhere else before.relevant)
    draft = ItemDraft(
        question=draft.question,
        source=before.source,
        expected_answer=draft.expected_answer,
        is_answerable=draft.is_answerable,
        history=before.history,
        tags=draft.tags,
        collection_id=draft.collection_id,
        relevant=draft.relevant,
        cluster="" if draft.relevant else before.cluster,
        split=draft.split,
        source_turn_id=before.source_turn_id,
    )
    return _changed(item.dataset, draft, remove=[item.pk], note=f"Corrected: {draft.question}", author=author)


def remove_items(*, dataset: Dataset, ids: Sequence[int], author: Any = None) -> Change:
    """Remove items of the newest version. Raises DatasetError where one of them is gone."""
    noun = "item" if len(ids) == 1 else "items"
    return change_dataset(dataset=dataset, remove=ids, note=f"Removed {len(ids)} {noun}.", author=author)


def _changed(dataset: Dataset, draft: ItemDraft, *, remove: Sequence[int], note: str, author: Any) -> Change:
    with transaction.atomic():  # an error undoes the removal too
        change = change_dataset(dataset=dataset, add=[draft], remove=remove, note=note, author=author)
        if change.conflicts:
            raise DatasetError(f"This cannot be: {change.conflicts[0].reason}.")
        if change.already_there:
            raise DatasetError("The same question about the same documents is in the dataset already.")
    return change


def _draft(said: Said, before: Sequence[Relevant]) -> ItemDraft:
    question = said.question.strip()
    if reason := why_no_question(question):
        raise DatasetError(f"{reason[0].upper()}{reason[1:]}.")
    if said.source_ids and not said.is_answerable:
        raise DatasetError("A question that nothing answers has no documents: leave them out, or call it answerable.")
    return ItemDraft(
        question=question,
        source=DatasetItem.Source.MANUAL,
        expected_answer=said.expected_answer.strip(),
        is_answerable=said.is_answerable,
        tags=tuple(dict.fromkeys(said.tags)),
        collection_id=said.collection.pk if said.collection else None,
        relevant=_relevant(said, before),
        split=said.split,
    )


def _relevant(said: Said, before: Sequence[Relevant]) -> tuple[Relevant, ...]:
    """Return the documents that are named; those that the item had keep their spans and grades, also when they are
    gone."""
    known = KnownDocuments.of(said.source_ids)
    kept: list[Relevant] = []
    for source_id in dict.fromkeys(said.source_ids):
        if same := [relevant for relevant in before if relevant.source_id == source_id]:
            kept += same
            continue
        try:
            kept.append(known.relevant(source_id, collection=said.collection))
        except DatasetError as exc:
            message = str(exc)
            raise DatasetError(f"{message[0].upper()}{message[1:]}.") from exc
    return tuple(kept)
