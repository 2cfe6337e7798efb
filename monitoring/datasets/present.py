"""What a dataset has: its items as drafts, to compare with, and where its documents are placed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Q

from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.splits import Placement
from monitoring.models import Dataset, DatasetItem

BATCH_ROWS = 2000
# A change of so few keys asks for these alone; a larger one reads the dataset once.
_FEW_KEYS = 1000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PresentItem:
    """An item of the newest version."""

    pk: int
    draft: ItemDraft


def in_batches(rows: Sequence[_T], size: int = BATCH_ROWS) -> Iterator[Sequence[_T]]:
    """Yield `rows` in parts of at most `size`."""
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def present_items(dataset: Dataset, hashes: Iterable[str], *, without: Iterable[int]) -> dict[str, PresentItem]:
    """Return the items of the newest version by content hash, without those of these ids."""
    found: dict[str, PresentItem] = {}
    gone = set(without)
    for some in in_batches(sorted(hashes)):
        for item in dataset.items.current().filter(content_hash__in=some).with_relevant():
            if item.pk not in gone:
                found[item.content_hash] = PresentItem(item.pk, as_draft(item))
    return found


def as_draft(item: DatasetItem) -> ItemDraft:
    """Return an item as what it was made from, in its place; reads `relevant` and `collection`."""
    collection_name = item.collection.name if item.collection else ""
    return ItemDraft(
        question=item.question,
        source=DatasetItem.Source(item.source),
        expected_answer=item.expected_answer,
        is_answerable=item.is_answerable,
        history=tuple(item.history),
        tags=tuple(item.tags),
        collection_id=item.collection_id,
        relevant=tuple(
            Relevant(
                source_id=row.source_id,
                document_id=row.document_id,
                collection_name=collection_name,
                relevance=row.relevance,
                start=row.start,
                end=row.end,
            )
            for row in item.relevant.all()
        ),
        cluster=item.cluster,
        split=item.split,
        source_turn_id=item.source_turn_id,
    )


def known_placements(dataset: Dataset, drafts: Sequence[ItemDraft], *, gone: set[int]) -> dict[str, Placement]:
    """Return where documents and clusters are placed by all items there ever were. What an item of the newest version
    says counts; those that were removed, or go by the change at hand (`gone`), are past."""
    items = dataset.items.all()
    keys = {key for draft in drafts for key in draft.keys}
    if len(keys) < _FEW_KEYS:
        source_ids = {relevant.source_id for draft in drafts for relevant in draft.relevant}
        items = items.filter(Q(cluster__in=keys) | Q(relevant__source_id__in=source_ids))
    rows = items.values_list(
        "pk",
        "removed_in",
        "split",
        "cluster",
        "collection__name",
        "relevant__source_id",
        "relevant__document__collection__name",
    )
    known: dict[str, Placement] = {}
    for pk, removed_in, split, cluster, searched, source_id, collection_name in rows.order_by("pk").iterator():
        placement = Placement(split, cluster, "the dataset", is_past=removed_in is not None or pk in gone)
        document = f"{collection_name or searched}/{source_id}" if source_id and (collection_name or searched) else None
        for key in filter(None, [cluster, document]):
            if key not in known or (known[key].is_past and not placement.is_past):
                known[key] = placement
    return known
