"""Parts of a dataset, each with its own means: where a config is good, and where it is not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Length

from monitoring.evaluation.results import RunResults
from monitoring.models import DatasetItem, RelevantDocument
from monitoring.statistics.intervals import Interval

MAX_SLICES = 25  # of one kind; the largest are shown
# Upper ends of the lengths of documents, in characters; longer ones are the last slice.
LENGTHS = (500, 2_000, 10_000)
NO_SECTION = "(no section)"
ALL_COLLECTIONS = "(all collections)"


@dataclass(frozen=True, slots=True)
class Slice:
    """Items that have something in common, and how they did; None: none of them is scored by that measure."""

    label: str
    items: int
    measures: Mapping[str, Interval | None]


def slices_of(results: RunResults, measures: Sequence[str]) -> dict[str, tuple[Slice, ...]]:
    """Return the parts of a run by tag, by section and length of the relevant document, and by collection. A kind that
    does not divide the items (no tags, one collection) is left out. Two queries."""
    item_ids = results.clusters.keys()
    tags: dict[str, set[int]] = defaultdict(set)
    collections: dict[str, set[int]] = defaultdict(set)
    sections: dict[str, set[int]] = defaultdict(set)
    lengths: dict[int, set[int]] = defaultdict(set)
    for item_id, item_tags, collection in DatasetItem.objects.filter(pk__in=item_ids).values_list(
        "pk", "tags", "collection__name"
    ):
        collections[collection or ALL_COLLECTIONS].add(item_id)
        for tag in item_tags:
            tags[tag].add(item_id)
    for item_id, path, length in _documents(item_ids):
        sections[path.partition(" > ")[0] or NO_SECTION].add(item_id)
        lengths[sum(length > end for end in LENGTHS)].add(item_id)
    kinds = {
        "tag": tags if tags else {},
        "collection": collections if len(collections) > 1 else {},
        "section": sections if len(sections) > 1 else {},
        "length": {length_label(place): lengths[place] for place in sorted(lengths)} if len(lengths) > 1 else {},
    }
    return {kind: _slices(results, parts, measures, kind) for kind, parts in kinds.items() if parts}


def length_label(place: int) -> str:
    """Return what a bucket of LENGTHS is called."""
    if place == 0:
        return f"up to {LENGTHS[0]:,} characters"
    if place == len(LENGTHS):
        return f"over {LENGTHS[-1]:,} characters"
    return f"{LENGTHS[place - 1]:,} to {LENGTHS[place]:,} characters"


def _documents(item_ids: Iterable[int]) -> list[tuple[int, str, int]]:
    """Item id, heading path and length of each relevant document that is still there."""
    rows = RelevantDocument.objects.filter(item__in=list(item_ids), document__isnull=False).annotate(
        path=F("document__heading_path"), length=Length("document__text")
    )
    return list(rows.values_list("item_id", "path", "length"))


def _slices(
    results: RunResults, parts: Mapping[str, set[int]], measures: Sequence[str], kind: str
) -> tuple[Slice, ...]:
    """Largest first, but lengths in their order."""
    labels = list(parts) if kind == "length" else sorted(parts, key=lambda label: (-len(parts[label]), label))
    return tuple(
        Slice(label, len(parts[label]), {name: results.interval(name, parts[label]) for name in measures})
        for label in labels[:MAX_SLICES]
    )
