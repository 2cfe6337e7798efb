"""The statements of search, one for each mode, over many questions at once: each is searched for in a lateral query.

What differs is filled in: `{embedder_id}` and `{dimensions}` as literals, because an embedder's vectors have a partial
index `WHERE embedder_id = N` over `vector::halfvec(D)` that PostgreSQL uses only when the statement says the same;
`{distance}`, by that index or exact; `{text}`, the chunk's text or none; `{score}`, how the legs are fused.
"""

# ruff: noqa: S608  parts of statements are put together here, and nothing from outside

from chat.rag.config import FusionMethod, SearchMode
from chat.rag.lexical import PAIR_SCORE_SQL, SEARCHED_SQL, TEXT_HITS_SQL, WORD_SCORE_SQL

# The distance as the embedder's index has it, and as no index has it, which makes the scan exact.
INDEXED_DISTANCE = "vector::halfvec({dimensions}) <=> query.vector::halfvec({dimensions})"
EXACT_DISTANCE = "vector <=> query.vector"

# The `depth` nearest chunks of one question.
NEAREST_SQL = """
nearest AS MATERIALIZED (
    SELECT chunk_id
      FROM chat_embedding
     WHERE embedder_id = {embedder_id}
       AND (%(collection_id)s::bigint IS NULL
            OR collection_id = %(collection_id)s)
  ORDER BY {distance}
     LIMIT %(depth)s
)"""

# Many questions, and `hits` of each with the columns that these have in all modes.
QUESTIONS_SQL = """
  SELECT query.number,
         hits.score,
         chunk.id AS chunk_id,
         chunk.document_id,
         chunk.title AS document_title,
         chunk.heading_path,
         {text} AS text,
         text_rank,
         text_score,
         vector_rank,
         similarity,
         nearest_count
    FROM unnest(%(questions)s::text[], %(vectors)s::vector[]) WITH ORDINALITY AS query(question, vector, number)"""
ORDER_SQL = """
    JOIN chat_chunk AS chunk ON chunk.id = hits.chunk_id
ORDER BY query.number, hits.score DESC, chunk.id
"""

TEXT_SQL = f"""
WITH {SEARCHED_SQL}
{QUESTIONS_SQL}
   CROSS JOIN LATERAL (
         WITH {TEXT_HITS_SQL}
            SELECT text_hits.chunk_id,
                   score,
                   rank AS text_rank,
                   score AS text_score,
                   NULL::bigint AS vector_rank,
                   1 - (embedding.vector <=> query.vector) AS similarity,
                   0 AS nearest_count
              FROM text_hits
         LEFT JOIN chat_embedding AS embedding
                ON embedding.chunk_id = text_hits.chunk_id
               AND embedding.embedder_id = {{embedder_id}}
          ORDER BY rank
             LIMIT %(top_k)s) AS hits
{ORDER_SQL}"""

VECTOR_SQL = f"""
{QUESTIONS_SQL}
   CROSS JOIN LATERAL (
         WITH {NEAREST_SQL}
         SELECT chunk_id,
                1 - (embedding.vector <=> query.vector) AS score,
                NULL::bigint AS text_rank,
                NULL::float8 AS text_score,
                row_number() OVER (ORDER BY embedding.vector <=> query.vector, chunk_id) AS vector_rank,
                1 - (embedding.vector <=> query.vector) AS similarity,
                (SELECT count(*) FROM nearest) AS nearest_count
           FROM nearest
           JOIN chat_embedding AS embedding USING (chunk_id)
          WHERE embedding.embedder_id = {{embedder_id}}
       ORDER BY vector_rank
          LIMIT %(top_k)s) AS hits
{ORDER_SQL}"""

# Both legs are read `depth` deep; each chunk that one of them finds gets its exact score by the other too.
HYBRID_SQL = f"""
WITH {SEARCHED_SQL}
{QUESTIONS_SQL}
   CROSS JOIN LATERAL (
         WITH {TEXT_HITS_SQL},
         {NEAREST_SQL},
         candidates AS (
             SELECT chunk_id FROM text_hits
              UNION
             SELECT chunk_id FROM nearest
         ),
         scored AS (
                SELECT candidates.chunk_id,
                       text_hits.rank AS text_rank,
                       coalesce(text_hits.score, in_words.score + in_pairs.score) AS text_score,
                       nearest.chunk_id IS NOT NULL AS is_near,
                       1 - (embedding.vector <=> query.vector) AS similarity
                  FROM candidates
             LEFT JOIN text_hits USING (chunk_id)
             LEFT JOIN nearest USING (chunk_id)
            CROSS JOIN LATERAL ({WORD_SCORE_SQL}) AS in_words
            CROSS JOIN LATERAL ({PAIR_SCORE_SQL}) AS in_pairs
             LEFT JOIN chat_embedding AS embedding
                    ON embedding.chunk_id = candidates.chunk_id
                   AND embedding.embedder_id = {{embedder_id}}
         ),
         ranked AS (
             SELECT *,
                    CASE WHEN is_near
                         THEN row_number() OVER (PARTITION BY is_near ORDER BY similarity DESC, chunk_id)
                    END AS vector_rank
               FROM scored
         )
         SELECT chunk_id,
                {{score}} AS score,
                text_rank,
                text_score,
                vector_rank,
                similarity,
                (SELECT count(*) FROM nearest) AS nearest_count
           FROM ranked
       ORDER BY score DESC, chunk_id
          LIMIT %(top_k)s) AS hits
{ORDER_SQL}"""

# Reciprocal rank fusion: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
# Rank Learning Methods", SIGIR 2009. A leg that did not find a chunk gives it nothing.
RRF_SQL = """
  coalesce(%(text_weight)s::float8 / (%(rrf_k)s + text_rank), 0)
+ coalesce((1 - %(text_weight)s::float8) / (%(rrf_k)s + vector_rank), 0)"""

# The best score by words counts 1, similarity as it is. A chunk without vector is like nothing.
CONVEX_SQL = """
  %(text_weight)s::float8 * coalesce(text_score / max(text_score) OVER (), 0)
+ (1 - %(text_weight)s::float8) * coalesce(similarity, 0)"""

# Both as they are. BM25 is a sum of log-odds, and all-MiniLM-L6-v2 was trained with the softmax of 20 times the cosine,
# which makes that a logarithm of a probability too: no maximum or mean of what was found comes in. 15 points by words
# count as much as a similarity of 1: between 15 and 20 quality hardly changes, and with 15 none of seven corpora falls
# below text search. Other embedders: 1.5 by the standard deviation of the similarity of a question to all chunks.
SUM_SQL = """
  %(text_weight)s::float8 * coalesce(text_score, 0) / 15
+ (1 - %(text_weight)s::float8) * coalesce(similarity, 0)"""

STATEMENTS = {SearchMode.TEXT: TEXT_SQL, SearchMode.VECTOR: VECTOR_SQL, SearchMode.HYBRID: HYBRID_SQL}
FUSED_SCORES = {
    FusionMethod.RRF: RRF_SQL,
    FusionMethod.CONVEX: CONVEX_SQL,
    FusionMethod.SUM: SUM_SQL,
}

# Whether there are as many vectors as a limit; counts no further than that.
# Whether there are `limit` vectors, and how many the index had when PostgreSQL last counted them.
INDEX_SQL = """
SELECT count(*) = %(limit)s,
       coalesce((SELECT reltuples
                   FROM pg_class
                  WHERE oid = to_regclass(%(index_name)s)), 0)
  FROM (SELECT
          FROM chat_embedding
         WHERE embedder_id = %(embedder_id)s
           AND (%(collection_id)s::bigint IS NULL
                OR collection_id = %(collection_id)s)
         LIMIT %(limit)s) AS first_vectors
"""
