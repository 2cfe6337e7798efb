"""Changes of a dataset. Each makes one version in one transaction, with the dataset's row locked, so that two changes
at once come one after the other; what changes nothing makes no version. The only writer of datasets and items."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.db.models import Max

from monitoring.datasets.drafts import ItemDraft
from monitoring.datasets.present import in_batches, known_placements, present_items
from monitoring.datasets.splits import Conflict, Ratios, place
from monitoring.datasets.writing import write_items
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, DatasetItem, DatasetVersion


@dataclass(slots=True)
class Change:
    """What a change did. `version` is None where it did nothing."""

    version: DatasetVersion | None = None
    added: int = 0
    replaced: int = 0
    removed: int = 0
    already_there: int = 0
    conflicts: list[Conflict] = field(default_factory=list)  # these were not added


def latest_version(dataset: Dataset) -> int:
    """Return the number of the newest version, 0 for a dataset without one."""
    return dataset.versions.aggregate(number=Max("number"))["number"] or 0


def change_dataset(
    *,
    dataset: Dataset,
    add: Sequence[ItemDraft] = (),
    remove: Iterable[int] = (),
    compare: Collection[str] = (),
    note: str = "",
    author: Any = None,
    on_progress: Callable[[int], None] = lambda items: None,
) -> Change:
    """Add drafts and remove items (by id), as one version; return what was done.

    A draft whose question is there already (same `content_hash`) is left out, unless one of its fields that `compare`
    names differs: then it takes the item's place. Drafts that would bring a document to both sides of a split come
    back as `conflicts` and are not added. Raises DatasetError where an item to be removed is not in the newest
    version. `on_progress` hears how many items were written.
    """
    with transaction.atomic():
        locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
        leaving = _leaving(locked, set(remove))
        change = Change(removed=len(leaving))
        drafts = _unlike(locked, add, leaving, compare, change)
        replaced = {old for _, old in drafts if old}
        placed = place(
            [draft for draft, _ in drafts],
            known=known_placements(locked, [draft for draft, _ in drafts], gone=leaving | replaced),
            salt=locked.salt,
            ratios=Ratios(locked.dev_ratio, locked.test_ratio),
        )
        change.conflicts += placed.conflicts
        arriving = []
        for (draft, old), at in zip(drafts, placed.placements, strict=True):
            if at is not None:
                arriving.append(replace(draft, split=at[0], cluster=at[1]))
                change.replaced += old is not None
                leaving |= {old} if old else set()
        change.added = len(arriving) - change.replaced
        if arriving or leaving:
            number = latest_version(locked) + 1
            change.version = DatasetVersion.objects.create(
                dataset=locked, number=number, note=note[:300], created_by=author
            )
            for ids in in_batches(sorted(leaving)):
                DatasetItem.objects.filter(pk__in=ids).update(removed_in=number)
            for some in in_batches(arriving):
                write_items(dataset=locked, number=number, drafts=some)
                on_progress(len(some))
    return change


def _leaving(dataset: Dataset, ids: set[int]) -> set[int]:
    found = set(dataset.items.current().filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    if missing := sorted(ids - found):
        raise DatasetError(
            f"{dataset} has no item {', '.join(map(str, missing[:10]))} in its newest version: it was removed or"
            " changed meanwhile. Load the page again."
        )
    return found


def _unlike(
    dataset: Dataset, drafts: Sequence[ItemDraft], leaving: set[int], compare: Collection[str], change: Change
) -> list[tuple[ItemDraft, int | None]]:
    """Return the drafts that are not there as they are, each with the id of the item whose place it takes."""
    there = present_items(dataset, {draft.content_hash for draft in drafts}, without=leaving)
    unlike: list[tuple[ItemDraft, int | None]] = []
    seen: set[str] = set()
    for draft in drafts:
        item = there.get(draft.content_hash)
        if draft.content_hash in seen:
            change.already_there += 1
        elif item is None:
            unlike.append((draft, None))
        elif draft.split and draft.split != item.draft.split:
            name = dict(DatasetItem.Split.choices)
            reason = f"it is in {name[item.draft.split]} already, and this says {name[draft.split]}"
            change.conflicts.append(Conflict(draft, reason))
        elif all(getattr(draft, field) == getattr(item.draft, field) for field in compare):
            change.already_there += 1
        else:
            spoken = {field: getattr(draft, field) for field in compare}
            unlike.append((replace(item.draft, source=draft.source, line=draft.line, **spoken), item.pk))
        seen.add(draft.content_hash)
    return unlike
