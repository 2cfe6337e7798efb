"""What is done with rankings of hits, whoever made them: fuse, limit, put into another order, number. Pure.

Ranks start at 1 and have no gaps in all that comes out of here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chat.rag.config import Hit

# Reciprocal rank fusion of several rankings: score = sum of 1 / (60 + rank). Cormack, Clarke and Büttcher, "Reciprocal
# Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009; 60 is theirs.
RRF_K = 60


def fuse_rankings(rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Return the hits of several rankings in one, by reciprocal rank fusion; one ranking alone is returned as it is.

    A hit is that of the first ranking which has it, with the fused score. Where scores are equal, the better rank in
    an earlier ranking goes first.
    """
    if len(rankings) == 1:
        return list(rankings[0])
    scores: defaultdict[int, float] = defaultdict(float)
    hits: dict[int, Hit] = {}
    for ranking in rankings:
        for hit in ranking:
            scores[hit.chunk_id] += 1 / (RRF_K + hit.rank)
            hits.setdefault(hit.chunk_id, hit)
    ordered = sorted(hits.values(), key=lambda hit: -scores[hit.chunk_id])  # stable
    return numbered(replace(hit, score=scores[hit.chunk_id]) for hit in ordered)


def limit_per_document(hits: Iterable[Hit], limit: int) -> list[Hit]:
    """Return the first `limit` hits of each document, in their order."""
    seen: Counter[int] = Counter()
    kept: list[Hit] = []
    for hit in hits:
        seen[hit.document_id] += 1
        if seen[hit.document_id] <= limit:
            kept.append(hit)
    return numbered(kept)


def reordered(hits: Sequence[Hit], order: Iterable[int]) -> list[Hit]:
    """Return the hits with those of the ranks in `order` first, and the others behind them as they were.

    Each keeps its rank so far as `search_rank`. Ranks that do not exist, and all but the first mention, are ignored.
    """
    by_rank = {hit.rank: hit for hit in hits}
    ranks = dict.fromkeys([*(rank for rank in order if rank in by_rank), *by_rank])
    return numbered(replace(by_rank[rank], search_rank=rank) for rank in ranks)


def numbered(hits: Iterable[Hit]) -> list[Hit]:
    """Return the hits ranked from 1 in their order."""
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)]
