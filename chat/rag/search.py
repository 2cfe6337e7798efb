"""Find the chunks that may answer a question: by words (PostgreSQL full-text), by meaning (pgvector), or by both.

Text: the question's lexemes are OR-ed. The AND that `websearch_to_tsquery` makes wants every word of the question in
one chunk, and finds a fifth of what OR finds; the rank sorts out the rest. Each chunk is asked in its own language.

Vector: an embedder's vectors have a partial HNSW index `WHERE embedder_id = N` over `vector::halfvec(D)`. PostgreSQL
uses it only when the statement says the same with literals, so these two integers, which come from the embedder's row,
are put into the statement; all else is a parameter. An index scan filters after it has looked, and so can end short of
hits in a collection that is far from the question: few vectors are scanned exactly, and a scan that ends short is done
again exactly.

Every statement has a total order: the same question gives the same hits.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from chat.exceptions import RetrievalError
from chat.rag.config import DEFAULT_FUSION, Fusion, FusionMethod, Hit, Query, SearchMode

# ts_rank's weights of D, C (headings), B (body) and A (title), and its normalisation: 1 divides by 1 + log(length).
# Measured on 693 questions to a FAQ, first 5 hits: 0.970 of the answers found, mean reciprocal rank 0.911.
# Headings at 0.1: 0.963, 0.900. No normalisation: 0.938, 0.837. Body at half the title's weight: 0.952, 0.844.
TEXT_WEIGHTS = "{0.1, 1, 1, 1}"
TEXT_NORMALISATION = 1
# Up to here an exact scan takes a few milliseconds and finds everything.
EXACT_SCAN_MAX_VECTORS = 5_000
# Breadth of an HNSW scan. At a million vectors it finds 0.98 of the true ten nearest in 7 ms; pgvector's 40 finds 0.88.
HNSW_EF_SEARCH = 200
# How many vectors an index scan may look at while a filter refuses them (pgvector's default is 20,000).
HNSW_MAX_SCAN_TUPLES = 100_000

TEXT_SQL = """
WITH text_query AS MATERIALIZED (
    SELECT language::regconfig AS language,
           replace(plainto_tsquery(language::regconfig, %(question)s)::text, ' & ', ' | ')::tsquery AS lexemes
      FROM (SELECT DISTINCT language
              FROM chat_collection
             WHERE %(collection_id)s::bigint IS NULL
                OR id = %(collection_id)s) AS languages
),
text_hits AS (
    SELECT chunk.id AS chunk_id,
           ts_rank(%(text_weights)s::real[], chunk.search_vector, lexemes, %(text_normalisation)s) AS score
      FROM text_query
      JOIN chat_chunk AS chunk
        ON chunk.search_vector @@ lexemes
       AND chunk.language = text_query.language
     WHERE %(collection_id)s::bigint IS NULL
        OR chunk.collection_id = %(collection_id)s
  ORDER BY score DESC, chunk.id
     LIMIT %(top_k)s
)
   SELECT score,
          chunk.id AS chunk_id,
          chunk.document_id,
          chunk.title AS document_title,
          chunk.heading_path,
          chunk.text,
          row_number() OVER (ORDER BY score DESC, chunk.id) AS text_rank,
          score AS text_score,
          NULL AS vector_rank,
          1 - (embedding.vector <=> %(query_vector)s::vector) AS similarity
     FROM text_hits
     JOIN chat_chunk AS chunk ON chunk.id = text_hits.chunk_id
LEFT JOIN chat_embedding AS embedding
       ON embedding.chunk_id = chunk.id
      AND embedding.embedder_id = {embedder_id}
 ORDER BY score DESC, chunk.id
    LIMIT %(top_k)s
"""

VECTOR_SQL = """
WITH nearest AS MATERIALIZED (
    SELECT chunk_id
      FROM chat_embedding
     WHERE embedder_id = {embedder_id}
       AND (%(collection_id)s::bigint IS NULL
            OR collection_id = %(collection_id)s)
  ORDER BY {distance}
     LIMIT %(top_k)s
),
vector_hits AS (
    SELECT nearest.chunk_id,
           1 - (vector <=> %(query_vector)s::vector) AS similarity
      FROM nearest
      JOIN chat_embedding AS embedding
        ON embedding.chunk_id = nearest.chunk_id
       AND embedding.embedder_id = {embedder_id}
)
  SELECT similarity AS score,
         chunk.id AS chunk_id,
         chunk.document_id,
         chunk.title AS document_title,
         chunk.heading_path,
         chunk.text,
         NULL AS text_rank,
         NULL AS text_score,
         row_number() OVER (ORDER BY similarity DESC, chunk.id) AS vector_rank,
         similarity,
         (SELECT count(*) FROM nearest) AS nearest_count
    FROM vector_hits
    JOIN chat_chunk AS chunk ON chunk.id = vector_hits.chunk_id
ORDER BY similarity DESC, chunk.id
   LIMIT %(top_k)s
"""

HYBRID_SQL = """
WITH text_query AS MATERIALIZED (
    SELECT language::regconfig AS language,
           replace(plainto_tsquery(language::regconfig, %(question)s)::text, ' & ', ' | ')::tsquery AS lexemes
      FROM (SELECT DISTINCT language
              FROM chat_collection
             WHERE %(collection_id)s::bigint IS NULL
                OR id = %(collection_id)s) AS languages
),
text_scores AS (
    SELECT chunk.id AS chunk_id,
           ts_rank(%(text_weights)s::real[], chunk.search_vector, lexemes, %(text_normalisation)s) AS score
      FROM text_query
      JOIN chat_chunk AS chunk
        ON chunk.search_vector @@ lexemes
       AND chunk.language = text_query.language
     WHERE %(collection_id)s::bigint IS NULL
        OR chunk.collection_id = %(collection_id)s
  ORDER BY score DESC, chunk.id
     LIMIT %(fusion_depth)s
),
text_hits AS (
    SELECT chunk_id,
           score,
           row_number() OVER (ORDER BY score DESC, chunk_id) AS rank
      FROM text_scores
),
nearest AS MATERIALIZED (
    SELECT chunk_id,
           {distance} AS distance
      FROM chat_embedding
     WHERE embedder_id = {embedder_id}
       AND (%(collection_id)s::bigint IS NULL
            OR collection_id = %(collection_id)s)
  ORDER BY {distance}
     LIMIT %(fusion_depth)s
),
vector_hits AS (
    SELECT chunk_id,
           row_number() OVER (ORDER BY distance, chunk_id) AS rank
      FROM nearest
),
fused AS (
         SELECT chunk_id,
                text_hits.rank AS text_rank,
                text_hits.score AS text_score,
                vector_hits.rank AS vector_rank,
                coalesce(%(text_weight)s::float8 / (%(rrf_k)s + text_hits.rank), 0)
                    + coalesce(%(vector_weight)s::float8 / (%(rrf_k)s + vector_hits.rank), 0) AS score
           FROM text_hits
FULL OUTER JOIN vector_hits USING (chunk_id)
       ORDER BY score DESC, chunk_id
          LIMIT %(top_k)s
)
   SELECT score,
          chunk.id AS chunk_id,
          chunk.document_id,
          chunk.title AS document_title,
          chunk.heading_path,
          chunk.text,
          text_rank,
          text_score,
          vector_rank,
          1 - (embedding.vector <=> %(query_vector)s::vector) AS similarity,
          (SELECT count(*) FROM nearest) AS nearest_count
     FROM fused
     JOIN chat_chunk AS chunk ON chunk.id = fused.chunk_id
LEFT JOIN chat_embedding AS embedding
       ON embedding.chunk_id = chunk.id
      AND embedding.embedder_id = {embedder_id}
 ORDER BY score DESC, chunk.id
    LIMIT %(top_k)s
"""

# The distance as the embedder's index has it, and as no index has it, which makes the scan exact.
INDEXED_DISTANCE = "vector::halfvec({dimensions}) <=> %(query_vector)s::halfvec({dimensions})"
EXACT_DISTANCE = "vector <=> %(query_vector)s::vector"

_STATEMENTS = {SearchMode.TEXT: TEXT_SQL, SearchMode.VECTOR: VECTOR_SQL, SearchMode.HYBRID: HYBRID_SQL}


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
    if query_vector is None and mode is not SearchMode.TEXT:
        raise RetrievalError(f"Search mode {mode} needs the question's vector, and there is none. Use mode text.")
    if query_vector is not None and len(query_vector) != dimensions:
        raise RetrievalError(
            f"The question's vector has {len(query_vector)} numbers, the embedder's vectors have {dimensions}."
            " Embed the question by the embedder that is searched."
        )
    if fusion.method is not FusionMethod.RRF:
        raise RetrievalError(f"Fusion {fusion.method} cannot be used yet.")
    parameters = {
        "question": question.replace("\0", " "),  # PostgreSQL's text has no NUL
        "query_vector": None if query_vector is None else f"[{','.join(str(float(x)) for x in query_vector)}]",
        "collection_id": collection_id,
        "top_k": top_k,
        "fusion_depth": max(fusion.depth, top_k),
        "rrf_k": fusion.rrf_k,
        "text_weight": 2 * fusion.text_weight,
        "vector_weight": 2 * (1 - fusion.text_weight),
        "text_weights": TEXT_WEIGHTS,
        "text_normalisation": TEXT_NORMALISATION,
    }
    if mode is SearchMode.TEXT:
        return _hits(_rows(_statement(mode, embedder_id, EXACT_DISTANCE, dimensions), parameters))
    if _is_small(embedder_id, collection_id):
        return _hits(_rows(_statement(mode, embedder_id, EXACT_DISTANCE, dimensions), parameters))
    rows = _rows_by_index(_statement(mode, embedder_id, INDEXED_DISTANCE, dimensions), parameters)
    wanted = parameters["top_k" if mode is SearchMode.VECTOR else "fusion_depth"]
    if not rows or rows[0]["nearest_count"] < wanted:
        rows = _rows(_statement(mode, embedder_id, EXACT_DISTANCE, dimensions), parameters)
    return _hits(rows)


def search_many(
    *,
    queries: Sequence[Query],
    mode: SearchMode,
    embedder_id: int,
    dimensions: int,
    top_k: int,
    fusion: Fusion = DEFAULT_FUSION,
    with_text: bool = False,
) -> list[list[Hit]]:
    """Return for each query, in order, what `search` returns for it. Without `with_text` the hits have no text, which
    an evaluation of ranks does not read. Raises RetrievalError as `search` does."""
    return [
        [
            hit if with_text else replace(hit, text="")
            for hit in search(
                question=query.question,
                query_vector=query.vector,
                mode=mode,
                collection_id=query.collection_id,
                embedder_id=embedder_id,
                dimensions=dimensions,
                top_k=top_k,
                fusion=fusion,
            )
        ]
        for query in queries
    ]


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


def _statement(mode: SearchMode, embedder_id: int, distance: str, dimensions: int) -> sql.Composed:
    """The statement of a mode with the two integers of the embedder as literals, for its partial index."""
    literals = {"embedder_id": sql.Literal(int(embedder_id)), "dimensions": sql.Literal(int(dimensions))}
    return sql.SQL(_STATEMENTS[mode]).format(distance=sql.SQL(distance).format(**literals), **literals)


def _is_small(embedder_id: int, collection_id: int | None) -> bool:
    """Whether so few vectors are searched that an exact scan is fast; counts no further than that."""
    counted = """
        SELECT count(*)
          FROM (SELECT
                  FROM chat_embedding
                 WHERE embedder_id = %(embedder_id)s
                   AND (%(collection_id)s::bigint IS NULL
                        OR collection_id = %(collection_id)s)
                 LIMIT %(limit)s) AS first_vectors
    """
    limit = EXACT_SCAN_MAX_VECTORS + 1
    with connection.cursor() as cursor:
        cursor.execute(counted, {"embedder_id": embedder_id, "collection_id": collection_id, "limit": limit})
        return bool(cursor.fetchone()[0] < limit)


def _rows_by_index(statement: sql.Composed, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Run with pgvector's settings for this one transaction; the statement orders again what a relaxed scan gives."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
                       set_config('hnsw.ef_search', %s, true),
                       set_config('hnsw.max_scan_tuples', %s, true)
                """,
                [str(max(HNSW_EF_SEARCH, parameters["fusion_depth"])), str(HNSW_MAX_SCAN_TUPLES)],
            )
        return _rows(statement, parameters)


def _rows(statement: sql.Composed, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _hits(rows: list[dict[str, Any]]) -> list[Hit]:
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
