"""The text leg of search, as parts of a statement: BM25 over the postings that triggers keep (chat/models/words.py),
and a bonus for pairs of words.

BM25 gives a chunk, for each word of the question that it has, `idf * (k1 + 1) * tf / (tf + k1 * (1 - b + b * length /
average length))`: rare words say more, a word's second mention says less than its first, and a word of a long chunk
says less. Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; the idf is Lucene's,
which is never negative. Words of title, headings and text are counted together, each by the weight of its field, and
lengths likewise. What is known of a word is known by collection; over several collections the numbers of those in the
same language are summed.

Where a word is frequent, reading all its postings costs more than it tells. So the rarest words find the chunks: a
word's postings are read while those of the rarer ones are fewer than `min_postings`, or all of them together no more
than `max_postings`. The best `scored_chunks` of these are scored by all words. From 300,000 chunks on both limits grow
with their number, by `postings_share` and `scored_share`, because every word is then as many times more frequent.

Its score is a sum of multiples of 2^-20, which are added exactly in any order: the same chunk has the same score in
every plan that PostgreSQL may choose.

Words that follow one another in the question, with at most two between them, are a pair. For each pair that the best
chunks have too, in this order and with at most one word between, `pair_weight` is added.
"""

# ruff: noqa: S608  parts of statements are put together here, and nothing from outside

# Which collections are searched, each with the totals of all that are in its language.
SEARCHED_SQL = """
searched AS MATERIALIZED (
    SELECT collection.id AS collection_id,
           collection.language::regconfig AS language,
           sum(chunk_count::float8) OVER same_language AS chunk_count,
           sum(%(title_weight)s::float8 * title_length + %(heading_weight)s::float8 * heading_length + body_length)
               OVER same_language / sum(chunk_count) OVER same_language AS average_length
      FROM chat_collection AS collection
      JOIN chat_collectiontotals AS totals ON totals.collection_id = collection.id
     WHERE %(collection_id)s::bigint IS NULL
        OR collection.id = %(collection_id)s
    WINDOW same_language AS (PARTITION BY collection.language)
)"""

# What one word adds to a chunk's score, by a row of `terms` and one of `posting`.
_WEIGHT = """round(gain / (1 + (flat + slope
    * (%(title_weight)s::float8 * title_length + %(heading_weight)s::float8 * heading_length + body_length))
    / nullif(%(title_weight)s::float8 * title_count + %(heading_weight)s::float8 * heading_count + body_count, 0)))
    / 1048576"""


def _word_score(chunk_id: str, condition: str) -> str:
    """The score of one chunk by all words of a condition; null where it has none of them."""
    return f"""
        SELECT sum({_WEIGHT}) AS score
          FROM terms
         CROSS JOIN LATERAL (
               SELECT *
                 FROM chat_posting
                WHERE term_id = terms.term_id
                  AND chunk_id = {chunk_id}
                LIMIT 1) AS posting
         WHERE {condition}"""


def _pair_score(chunk_id: str, condition: str) -> str:
    """What the pairs of one chunk add to its score."""
    return f"""
        SELECT %(pair_weight)s::float8 * count(*) AS score
          FROM chat_chunk AS chunk
          JOIN pairs ON pairs.language = chunk.language
         WHERE chunk.id = {chunk_id}
           AND chunk.search_vector @@ pairs.phrase
           AND {condition}"""


# The best `depth` chunks for the text `query.question`, in `searched`.
TEXT_HITS_SQL = rf"""
lexemes AS MATERIALIZED (
    SELECT language, lexeme, positions
      FROM (SELECT DISTINCT language FROM searched) AS languages
     CROSS JOIN LATERAL unnest(chat_lexemes(language, query.question))
),
neighbours AS (
    SELECT language,
           lexeme AS first,
           lead(lexeme) OVER in_order AS second,
           lead(position) OVER in_order - position AS distance
      FROM lexemes
     CROSS JOIN LATERAL unnest(positions) AS position
    WINDOW in_order AS (PARTITION BY language ORDER BY position, lexeme)
),
quoted AS (
    SELECT DISTINCT language,
           ('''' || replace(replace(first, '\', '\\'), '''', '''''') || '''')::tsquery AS first,
           ('''' || replace(replace(second, '\', '\\'), '''', '''''') || '''')::tsquery AS second
      FROM neighbours
     WHERE distance BETWEEN 1 AND 3
       AND first <> second
),
pairs AS MATERIALIZED (
    SELECT language, tsquery_phrase(first, second) || tsquery_phrase(first, second, 2) AS phrase
      FROM quoted
),
counted_terms AS (
    SELECT term.id AS term_id,
           language,
           lexeme,
           term.chunk_count AS postings,
           sum(term.chunk_count) OVER (PARTITION BY language, lexeme) AS document_frequency,
           searched.chunk_count,
           average_length
      FROM lexemes
      JOIN chat_term AS term USING (lexeme)
      JOIN searched USING (collection_id, language)
),
terms AS MATERIALIZED (
    SELECT term_id,
           1048576 * (%(k1)s::float8 + 1)
               * ln(1 + (chunk_count - document_frequency + 0.5) / (document_frequency + 0.5)) AS gain,
           %(k1)s::float8 * (1 - %(b)s::float8) AS flat,
           %(k1)s::float8 * %(b)s::float8 / nullif(average_length, 0) AS slope,
           coalesce(sum(postings) OVER rarer, 0) < %(min_postings)s
               OR sum(postings) OVER rarer_or_this
                  <= greatest(%(max_postings)s, %(postings_share)s::float8 * chunk_count) AS is_read
      FROM counted_terms
    WINDOW rarer_or_this AS (ORDER BY document_frequency, language, lexeme),
           rarer AS (rarer_or_this GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
found AS (
    SELECT chunk_id, sum({_WEIGHT}) AS score
      FROM terms
      JOIN chat_posting AS posting USING (term_id)
     WHERE is_read
  GROUP BY chunk_id
  ORDER BY score DESC, chunk_id
     LIMIT greatest(
           %(scored_chunks)s,
           %(depth)s,
           (SELECT max(chunk_count) * %(scored_share)s::float8 FROM searched)::bigint
     )
),
best AS (
    SELECT chunk_id, found.score + coalesce(frequent.score, 0) AS score
      FROM found
     CROSS JOIN LATERAL ({_word_score("found.chunk_id", "NOT is_read")}) AS frequent
  ORDER BY score DESC, chunk_id
     LIMIT %(depth)s
),
text_hits AS MATERIALIZED (
    SELECT chunk_id,
           best.score + in_pairs.score AS score,
           row_number() OVER (ORDER BY best.score + in_pairs.score DESC, chunk_id) AS rank
      FROM best
     CROSS JOIN LATERAL ({_pair_score("best.chunk_id", "true")}) AS in_pairs
)"""

# The same score of those of `candidates` that are not in `text_hits`, in two parts.
WORD_SCORE_SQL = _word_score("candidates.chunk_id", "text_hits.chunk_id IS NULL")
PAIR_SCORE_SQL = _pair_score("candidates.chunk_id", "text_hits.chunk_id IS NULL")
