"""The text leg of search: BM25 over the postings that triggers keep (chat/models/words.py), as parts of a statement.

BM25 gives a chunk, for each word of the question that it has, `idf * (k1 + 1) * tf / (tf + k1 * (1 - b + b * length /
average length))`: rare words say more, a word's second mention says less than its first, and a word of a long chunk
says less. Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; the idf is Lucene's,
which is never negative. Words of title, headings and text are counted together, each by the weight of its field, and
lengths likewise. What is known of a word is known by collection; over several collections the numbers of those in the
same language are summed.

Where a word is frequent, reading all its postings costs more than it tells. So the rarest words find the chunks, until
they have enough of them or the next word has too many postings, and the best of these are scored by all words.

A score is a sum of multiples of 2^-20, which are added exactly in any order: the same chunk has the same score in every
plan that PostgreSQL may choose.
"""

# ruff: noqa: S608  parts of statements are put together here, and nothing from outside

# A word's postings are read while the rarer ones have fewer than the first number, or all together no more than the
# second.
MIN_POSTINGS = 2_000
MAX_POSTINGS = 20_000
# How many of the chunks found so are scored by all words.
SCORED_CHUNKS = 300

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
_WEIGHT = """round(1048576 * idf * (%(k1)s::float8 + 1) / (1 + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8
    * (%(title_weight)s::float8 * title_length + %(heading_weight)s::float8 * heading_length + body_length)
    / average_length)
    / (%(title_weight)s::float8 * title_count + %(heading_weight)s::float8 * heading_count + body_count))) / 1048576"""


def _exact_score(chunk_id: str, condition: str) -> str:
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


# The best `depth` chunks for the text `query.question`, in `searched`.
TEXT_HITS_SQL = f"""
lexemes AS MATERIALIZED (
    SELECT language, lexeme
      FROM (SELECT DISTINCT language FROM searched) AS languages
     CROSS JOIN LATERAL unnest(chat_lexemes(language, query.question))
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
           average_length,
           ln(1 + (chunk_count - document_frequency + 0.5) / (document_frequency + 0.5)) AS idf,
           coalesce(sum(postings) OVER rarer, 0) < {MIN_POSTINGS}
               OR sum(postings) OVER rarer_or_this <= {MAX_POSTINGS} AS is_read
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
     LIMIT greatest({SCORED_CHUNKS}, %(depth)s)
),
text_hits AS MATERIALIZED (
    SELECT chunk_id,
           found.score + coalesce(frequent.score, 0) AS score,
           row_number() OVER (ORDER BY found.score + coalesce(frequent.score, 0) DESC, chunk_id) AS rank
      FROM found
     CROSS JOIN LATERAL ({_exact_score("found.chunk_id", "NOT is_read")}) AS frequent
  ORDER BY rank
     LIMIT %(depth)s
)"""

# The score of one of `candidates` that is not in `text_hits`.
EXACT_SCORE_SQL = _exact_score("candidates.chunk_id", "text_hits.chunk_id IS NULL")
