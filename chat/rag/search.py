"""Find the chunks that may answer a question: by words (BM25), by meaning (pgvector), or by both.

Text: chunks with any word of the question are ranked by BM25, see chat/rag/lexical.py. Each collection is asked in its
own language.

Vector: few vectors are scanned exactly. Of many an HNSW index is asked, which filters after it has looked, and so can
end short of hits in a collection that is far from the question; a scan that ends short is done again exactly.

Hybrid: the best of both legs, each with its exact score by both, are ranked by one fused score.

One question is searched for as one of many, by the same statements (chat/rag/search_sql.py). Each has a total order:
the same question gives the same hits.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from chat.exceptions import RetrievalError
from chat.models import Embedder
from chat.rag.config import DEFAULT_FUSION, Fusion, Hit, Query, SearchMode
from chat.rag.search_sql import EXACT_DISTANCE, FUSED_SCORES, INDEX_SQL, INDEXED_DISTANCE, STATEMENTS

# Up to here an exact scan takes a few milliseconds; within one collection it takes less than an index scan that filters
# for longer. At 10,000 vectors of all collections the exact scan took 10 ms, the index 5.
EXACT_SCAN_MAX_VECTORS = 5_000
EXACT_SCAN_MAX_VECTORS_OF_COLLECTION = 10_000
# Breadth of an HNSW scan, by the number of vectors in the index that it is enough for: (vectors, ef_search). Measured
# with bench/search.py, true neighbours among the first ten: 0.997 at 100,000 with 100. pgvector's own 40 finds 0.88 at
# a million.
HNSW_EF_SEARCH = ((200_000, 100), (500_000, 200), (math.inf, 300))
# How many vectors an index scan may look at while a filter refuses them (pgvector's default is 20,000).
HNSW_MAX_SCAN_TUPLES = 100_000
# Questions in one statement: enough that planning it costs little, few enough for its text.
BATCH_QUERIES = 200


def search(
    *,
    question: str,
    query_vector: Sequence[float] | None,
    mode: SearchMode,
    collection_id: int | None,
    embedder_id: int,
    dimensions: int,
    top_k: int,
    fusion: Fusion = DEFAULT_FUSION,
) -> list[Hit]:
    """Return the `top_k` best hits, best first; fewer only where the text leg alone finds fewer or there are no more.

    `query_vector` is the question by that embedder; text mode works without, and then its hits have no similarity.
    A question of stop words only has no hits by text. One query; vector and hybrid mode count the vectors before.
    Raises RetrievalError where a vector is missing or has the wrong length.
    """
    (hits,) = search_many(
        queries=[Query(question, query_vector, collection_id)],
        mode=mode,
        embedder_id=embedder_id,
        dimensions=dimensions,
        top_k=top_k,
        fusion=fusion,
        with_text=True,
    )
    return hits


def search_many(
    *,
    queries: Sequence[Query],
    mode: SearchMode,
    embedder_id: int,
    dimensions: int,
    top_k: int,
    fusion: Fusion = DEFAULT_FUSION,
    with_text: bool = False,
    exact: bool = False,
) -> list[list[Hit]]:
    """Return for each query, in order, what `search` returns for it. Without `with_text` the hits have no text, which
    an evaluation of ranks does not read; with `exact` all vectors are scanned however many there are. Raises
    RetrievalError as `search` does."""
    for query in queries:
        _check(query, mode, dimensions)
    wanted = _Wanted(mode, embedder_id, dimensions, top_k, fusion, with_text)
    by_collection: dict[int | None, list[int]] = defaultdict(list)
    for index, query in enumerate(queries):
        by_collection[query.collection_id].append(index)
    found: dict[int, list[Hit]] = {}
    for collection_id, indexes in by_collection.items():
        ef_search = None if mode is SearchMode.TEXT or exact else _ef_search(embedder_id, collection_id)
        for at in range(0, len(indexes), BATCH_QUERIES):
            batch = indexes[at : at + BATCH_QUERIES]
            rows = _rows_of_each(wanted, collection_id, [queries[index] for index in batch], ef_search=ef_search)
            found.update(zip(batch, map(_hits, rows), strict=True))
    return [found[index] for index in range(len(queries))]


def uses_index(embedder_id: int, collection_id: int | None) -> bool:
    """Whether there are so many vectors that their index is asked, and not all of them."""
    return _ef_search(embedder_id, collection_id) is not None


def is_relevant(hits: Sequence[Hit], *, min_similarity: float) -> bool:
    """Whether any hit is near enough to the question in meaning for an answer to be tried.

    Hits without similarity (nothing was embedded) cannot be judged so, and count as relevant.

    A good `min_similarity` depends on the embedder. Measured for all-MiniLM-L6-v2 with 462 questions that a FAQ of
    three collections answers, and 140 that it does not (90 of everyday life, 50 of other technical fields; each asked
    of every collection and of all together), in hybrid mode with five hits:

    | threshold | answerable questions refused | everyday ones caught | other technical ones caught |
    |---|---|---|---|
    | 0.30 | 0.65 % | 95.8 % | 89.5 % |
    | 0.33 | 1.1 % | 99.2 % | 92.5 % |
    | 0.35 | 1.5 % | 100 % | 95.0 % |
    | 0.40 | 3.9 % | 100 % | 98.0 % |

    A wrong refusal cannot be mended, while a model that is given poor hits still says that they do not answer: 0.33.
    """
    similarities = [hit.similarity for hit in hits if hit.similarity is not None]
    return max(similarities) >= min_similarity if similarities else bool(hits)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is searched for with each question."""

    mode: SearchMode
    embedder_id: int
    dimensions: int
    top_k: int
    fusion: Fusion
    with_text: bool

    @property
    def depth(self) -> int:
        """How many chunks of a leg are read."""
        return self.top_k if self.mode is SearchMode.VECTOR else max(self.fusion.depth, self.top_k)

    def statement(self, distance: str) -> sql.Composed:
        """The mode's statement, with the two integers of the embedder as literals, for its partial index."""
        literals = {"embedder_id": sql.Literal(self.embedder_id), "dimensions": sql.Literal(self.dimensions)}
        return sql.SQL(STATEMENTS[self.mode]).format(
            distance=sql.SQL(distance).format(**literals),
            score=sql.SQL(FUSED_SCORES[self.fusion.method]),
            text=sql.SQL("chunk.text" if self.with_text else "''"),
            **literals,
        )

    def parameters(self, collection_id: int | None, queries: Sequence[Query]) -> dict[str, Any]:
        """What the statement asks of one collection, or of all."""
        return {
            "questions": [query.question.replace("\0", " ") for query in queries],  # PostgreSQL's text has no NUL
            "vectors": [_vector_text(query.vector) for query in queries],
            "collection_id": collection_id,
            "top_k": self.top_k,
            "depth": self.depth,
            "text_weight": self.fusion.text_weight,
            "rrf_k": self.fusion.rrf_k,
            **asdict(self.fusion.bm25),
        }


def _vector_text(vector: Sequence[float] | None) -> str | None:
    return None if vector is None else f"[{','.join(map(repr, map(float, vector)))}]"


def _check(query: Query, mode: SearchMode, dimensions: int) -> None:
    if query.vector is None and mode is not SearchMode.TEXT:
        raise RetrievalError(f"Search mode {mode} needs the question's vector, and there is none. Use mode text.")
    if query.vector is not None and len(query.vector) != dimensions:
        raise RetrievalError(
            f"The question's vector has {len(query.vector)} numbers, the embedder's vectors have {dimensions}."
            " Embed the question by the embedder that is searched."
        )


def _ef_search(embedder_id: int, collection_id: int | None) -> int | None:
    """How broadly to scan the index, for its size; None where there are so few vectors that all are scanned."""
    most = EXACT_SCAN_MAX_VECTORS if collection_id is None else EXACT_SCAN_MAX_VECTORS_OF_COLLECTION
    parameters = {
        "embedder_id": embedder_id,
        "collection_id": collection_id,
        "limit": most + 1,
        "index_name": Embedder(pk=embedder_id).index_name,
    }
    with connection.cursor() as cursor:
        cursor.execute(INDEX_SQL, parameters)
        is_large, index_size = cursor.fetchone()
    return next(breadth for limit, breadth in HNSW_EF_SEARCH if index_size <= limit) if is_large else None


Row = dict[str, Any]


def _rows_of_each(
    wanted: _Wanted, collection_id: int | None, queries: Sequence[Query], *, ef_search: int | None
) -> list[list[Row]]:
    """The rows of each query, best first; `ef_search` None: all vectors are scanned."""
    parameters = wanted.parameters(collection_id, queries)
    if ef_search is None:
        return _rows(wanted.statement(EXACT_DISTANCE), parameters, len(queries))
    found = _rows_by_index(wanted.statement(INDEXED_DISTANCE), parameters, len(queries), ef_search=ef_search)
    short = [at for at, rows in enumerate(found) if not rows or rows[0]["nearest_count"] < wanted.depth]
    if short:
        again = _rows_of_each(wanted, collection_id, [queries[at] for at in short], ef_search=None)
        for at, rows in zip(short, again, strict=True):
            found[at] = rows
    return found


def _rows_by_index(
    statement: sql.Composed, parameters: dict[str, Any], count: int, *, ef_search: int
) -> list[list[Row]]:
    """Run with pgvector's settings for this one transaction; the statement orders again what a relaxed scan gives."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
                       set_config('hnsw.ef_search', %s, true),
                       set_config('hnsw.max_scan_tuples', %s, true)
                """,
                [str(max(ef_search, parameters["depth"])), str(HNSW_MAX_SCAN_TUPLES)],
            )
        return _rows(statement, parameters, count)


def _rows(statement: sql.Composed, parameters: dict[str, Any], count: int) -> list[list[Row]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        rows: list[list[Row]] = [[] for _ in range(count)]
        for values in cursor.fetchall():
            row = dict(zip(names, values, strict=True))
            rows[row["number"] - 1].append(row)
    return rows


def _hits(rows: list[Row]) -> list[Hit]:
    """Rows in their order as hits ranked from 1."""
    return [
        Hit(
            rank=rank,
            score=float(row["score"]),
            chunk_id=row["chunk_id"],
            document_id=row["document_id"],
            document_title=row["document_title"],
            heading_path=row["heading_path"],
            text=row["text"],
            text_rank=row["text_rank"],
            text_score=row["text_score"],
            vector_rank=row["vector_rank"],
            similarity=row["similarity"],
        )
        for rank, row in enumerate(rows, start=1)
    ]
