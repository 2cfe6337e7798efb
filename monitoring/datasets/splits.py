"""Which split an item falls into: decided for a document and not for a question, so that what is tuned on never stands
on the other side.

A document's split is a stable hash of the dataset's salt and the document's id, so it does not depend on what else is
in the dataset or in which order it came. Where a question has several documents they are held together: the group
takes the split that one of them has already, else that of its smallest id. Once placed, nothing moves.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitoring.datasets.drafts import CLUSTER_MAX_CHARS, ItemDraft
from monitoring.models import DatasetItem

AUTO = ""
_BUCKETS = 2**64


@dataclass(frozen=True, slots=True)
class Ratios:
    """Shares of the documents, 0 to 1; what they leave goes to calibration."""

    dev: float = 0.3
    test: float = 0.5


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a document's questions are, and who says so."""

    split: str
    cluster: str
    place: str  # "line 12" or "the dataset"
    is_past: bool = False  # its items were removed: it is where it was, unless a split is asked for


@dataclass(frozen=True, slots=True)
class Conflict:
    """A draft that would stand on both sides."""

    draft: ItemDraft
    reason: str


@dataclass(slots=True)
class Placed:
    """Split and cluster of each draft in turn; None where the draft is among `conflicts`."""

    placements: list[tuple[str, str] | None] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def split_of(cluster: str, *, salt: str, ratios: Ratios) -> str:
    """Return the split that the hash gives a cluster: the same on any machine, at any time."""
    digest = hashlib.sha256(f"{salt}:{cluster}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / _BUCKETS
    if share < ratios.dev:
        return DatasetItem.Split.DEV
    return DatasetItem.Split.TEST if share < ratios.dev + ratios.test else DatasetItem.Split.CALIBRATION


def place(drafts: Sequence[ItemDraft], *, known: Mapping[str, Placement], salt: str, ratios: Ratios) -> Placed:
    """Decide the split of each draft. `known` says where documents are already, by `Relevant.key` or cluster."""
    groups = _Groups(known)
    taken = [groups.take(draft) for draft in drafts]
    placed = Placed(conflicts=[Conflict(draft, why) for draft, why in zip(drafts, taken, strict=True) if why])
    for draft, why in zip(drafts, taken, strict=True):
        placed.placements.append(None if why else groups.placement(draft, salt=salt, ratios=ratios))
    return placed


class _Groups:
    """Documents that are held together by questions that need several of them (a union-find)."""

    def __init__(self, known: Mapping[str, Placement]) -> None:
        self._known = known
        self._parent: dict[str, str] = {}
        self._placed: dict[str, Placement] = {}  # by root

    def take(self, draft: ItemDraft) -> str:
        """Join the draft's documents; return why that cannot be, empty when it is done."""
        roots = list(dict.fromkeys(self._root(key) for key in draft.keys))
        found = [(key, self._placed[key]) for key in roots if key in self._placed]
        said = [(key, placement) for key, placement in found if not placement.is_past]
        if draft.split:
            said.append((draft.keys[0], Placement(draft.split, "", draft.place)))
        said = said or found[:1]
        for key, other in said[1:]:
            if other.split != said[0][1].split:
                return _both_sides(draft, key, said[0][1], other)
        root = min(roots)
        for joined in roots:
            self._parent[joined] = root
            self._placed.pop(joined, None)
        if said:
            self._placed[root] = next((placement for _, placement in said if placement.cluster), said[0][1])
        return ""

    def placement(self, draft: ItemDraft, *, salt: str, ratios: Ratios) -> tuple[str, str]:
        root = self._root(draft.keys[0])
        placed = self._placed.get(root)
        cluster = draft.cluster or (placed.cluster if placed else "") or root
        split = placed.split if placed else split_of(cluster, salt=salt, ratios=ratios)
        return split, cluster[:CLUSTER_MAX_CHARS]

    def _root(self, key: str) -> str:
        if key not in self._parent:
            self._parent[key] = key
            if key in self._known:
                self._placed[key] = self._known[key]
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key


def _both_sides(draft: ItemDraft, key: str, first: Placement, second: Placement) -> str:
    name = dict(DatasetItem.Split.choices)
    if draft.split:
        return f"its document is in {name[first.split]} by {first.place}, and this says {name[second.split]}"
    return (
        f"its documents are on both sides: one is in {name[first.split]} by {first.place}, "
        f"{key!r} in {name[second.split]} by {second.place}"
    )
