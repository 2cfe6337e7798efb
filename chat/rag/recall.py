"""How many of the true nearest chunks the vector index finds: an exact scan beside it, on a sample.

Recall at k: of the k nearest chunks by an exact scan, the share that the index finds too, 0..1; unknown (None) where
the index is not used, because all vectors are scanned anyway. Asked are stored vectors, a sample that is the same until
vectors come or go; a chunk is no neighbour of itself.
"""

import math
from dataclasses import dataclass
from functools import partial

from django.db.models import Func

from chat.models import Embedding
from chat.rag.config import Query, SearchMode
from chat.rag.search import search_many, uses_index

K = 10
# An exact scan compares a million vectors in about a second; at least three scans say something.
MAX_COMPARISONS = 1_000_000
MIN_SAMPLE, MAX_SAMPLE = 3, 20
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Recall:
    """So many of the true neighbours of a sample were found."""

    found: int
    neighbours: int
    sample: int

    @property
    def value(self) -> float:
        """The share found, 0..1."""
        return self.found / self.neighbours

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, which is right for shares near 1 too."""
        n, share = self.neighbours, self.value
        middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
        return max(middle - half, 0.0), min(middle + half, 1.0)


def measure_recall(*, embedder_id: int, dimensions: int, collection_id: int | None) -> Recall | None:
    """Compare index and exact scan in one collection or in all. Takes a second or two; None where no index is used."""
    if not uses_index(embedder_id, collection_id):
        return None
    vectors = Embedding.objects.filter(embedder=embedder_id)
    if collection_id is not None:
        vectors = vectors.filter(collection=collection_id)
    size = min(max(MAX_COMPARISONS // vectors.count(), MIN_SAMPLE), MAX_SAMPLE)
    sample = list(vectors.order_by(Func("pk", function="hashint8"), "pk").values_list("chunk_id", "vector")[:size])
    find = partial(
        search_many,
        queries=[Query("", vector, collection_id) for _, vector in sample],
        mode=SearchMode.VECTOR,
        embedder_id=embedder_id,
        dimensions=dimensions,
        top_k=K + 1,
    )
    found = neighbours = 0
    for (chunk_id, _), hits, true_hits in zip(sample, find(), find(exact=True), strict=True):
        true = [hit.chunk_id for hit in true_hits if hit.chunk_id != chunk_id][:K]
        found += len({hit.chunk_id for hit in hits} & set(true))
        neighbours += len(true)
    return Recall(found, neighbours, len(sample))
