"""Words of a question that stand side by side in a chunk too: "mean reciprocal rank" says more than its words alone.

BM25 counts words wherever they stand. This counts pairs, by the positions that PostgreSQL keeps with a chunk's lexemes,
for the few chunks that are re-ranked.
"""

from collections.abc import Sequence

from django.db import connection

# A pair are two words of the question with at most two words between them that search passes over, such as "of the". A
# chunk has the pair where the second word stands one or two places behind the first.
PAIRS_SQL = r"""
WITH words AS (
    SELECT language,
           lexeme,
           position
      FROM (SELECT DISTINCT language
              FROM chat_chunk
             WHERE id = ANY(%(chunk_ids)s)) AS languages
     CROSS JOIN LATERAL unnest(chat_lexemes(language, %(question)s)) AS word
     CROSS JOIN LATERAL unnest(word.positions) AS position
),
neighbours AS (
    SELECT language,
           lexeme AS first,
           lead(lexeme) OVER in_order AS second,
           lead(position) OVER in_order - position AS distance
      FROM words
    WINDOW in_order AS (PARTITION BY language ORDER BY position, lexeme)
),
quoted AS (
    SELECT DISTINCT language,
           ('''' || replace(replace(first, '\', '\\'), '''', '''''') || '''')::tsquery AS first,
           ('''' || replace(replace(second, '\', '\\'), '''', '''''') || '''')::tsquery AS second
      FROM neighbours
     WHERE distance BETWEEN 1 AND 3
       AND first <> second
)
  SELECT chunk.id,
         count(*)
    FROM chat_chunk AS chunk
    JOIN quoted USING (language)
   WHERE chunk.id = ANY(%(chunk_ids)s)
     AND chunk.search_vector @@ (tsquery_phrase(first, second, 1) || tsquery_phrase(first, second, 2))
GROUP BY chunk.id
"""


def count_pairs(*, question: str, chunk_ids: Sequence[int]) -> dict[int, int]:
    """Return how many pairs of the question's words each chunk has, in its own language; chunks without any are left
    out. One query."""
    with connection.cursor() as cursor:
        # PostgreSQL's text has no NUL.
        cursor.execute(PAIRS_SQL, {"question": question.replace("\0", " "), "chunk_ids": list(chunk_ids)})
        return dict(cursor.fetchall())
