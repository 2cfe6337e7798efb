"""Words, postings and totals of each collection, and the triggers that keep them. chat/models/words.py says why."""

import django.db.models.deletion
from django.db import migrations, models

# A table of its own making: Django's primary keys cannot include columns. Words change their count with each ingest,
# so their pages keep room for it; postings are only added, and are read from the index once they were vacuumed.
CREATE_POSTING = """
CREATE TABLE chat_posting (
    term_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    title_count smallint NOT NULL,
    heading_count smallint NOT NULL,
    body_count smallint NOT NULL,
    title_length smallint NOT NULL,
    heading_length smallint NOT NULL,
    body_length integer NOT NULL,
    PRIMARY KEY (term_id, chunk_id)
        INCLUDE (title_count, heading_count, body_count, title_length, heading_length, body_length)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE chat_term SET (fillfactor = 80);
"""

# The words of a chunk's search vector, whose weights say where each stands: A title, C headings, B text.
CREATE_WORDS = """
CREATE FUNCTION chat_words(search_vector tsvector)
RETURNS TABLE (lexeme text, title_count integer, heading_count integer, body_count integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT lexeme,
           cardinality(array_positions(weights, 'A')),
           cardinality(array_positions(weights, 'C')),
           cardinality(array_positions(weights, 'B'))
      FROM unnest(search_vector)
$$;
"""

# {chunks}: where the chunks are that are counted. Collections and words are written in order, so that two transactions
# that share some wait for each other in order too.
ADD_POSTINGS = """
    INSERT INTO chat_collectiontotals AS totals (collection_id, chunk_count, title_length, heading_length, body_length)
    SELECT collection_id, count(*), sum(title_length), sum(heading_length), sum(body_length)
      FROM {chunks} AS chunk
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(title_count), 0) AS title_length,
                  coalesce(sum(heading_count), 0) AS heading_length,
                  coalesce(sum(body_count), 0) AS body_length
             FROM chat_words(chunk.search_vector)) AS lengths
  GROUP BY collection_id
  ORDER BY collection_id
        ON CONFLICT (collection_id) DO UPDATE
       SET chunk_count = totals.chunk_count + excluded.chunk_count,
           title_length = totals.title_length + excluded.title_length,
           heading_length = totals.heading_length + excluded.heading_length,
           body_length = totals.body_length + excluded.body_length;

    WITH words AS MATERIALIZED (
        SELECT collection_id,
               chunk.id AS chunk_id,
               word.*,
               sum(title_count) OVER chunk_words AS title_length,
               sum(heading_count) OVER chunk_words AS heading_length,
               sum(body_count) OVER chunk_words AS body_length
          FROM {chunks} AS chunk
         CROSS JOIN LATERAL chat_words(chunk.search_vector) AS word
        WINDOW chunk_words AS (PARTITION BY chunk.id)
    ),
    terms AS (
        INSERT INTO chat_term AS term (collection_id, lexeme, chunk_count)
        SELECT collection_id, lexeme, count(*)
          FROM words
      GROUP BY collection_id, lexeme
      ORDER BY collection_id, lexeme
            ON CONFLICT (lexeme, collection_id) DO UPDATE
           SET chunk_count = term.chunk_count + excluded.chunk_count
     RETURNING id, collection_id, lexeme
    )
    INSERT INTO chat_posting (
           term_id, chunk_id, title_count, heading_count, body_count, title_length, heading_length, body_length)
    SELECT terms.id, chunk_id, title_count, heading_count, body_count,
           least(title_length, 32767), least(heading_length, 32767), body_length
      FROM words
      JOIN terms USING (collection_id, lexeme)
  ORDER BY terms.id, chunk_id;
"""

CREATE_FUNCTIONS = """
CREATE FUNCTION chat_add_postings() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    {add postings of added_chunks}
    RETURN NULL;
END
$$;

CREATE FUNCTION chat_remove_postings() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM
       FROM chat_collectiontotals
      WHERE collection_id IN (SELECT collection_id FROM removed_chunks)
   ORDER BY collection_id
        FOR UPDATE;

    UPDATE chat_collectiontotals AS totals
       SET chunk_count = totals.chunk_count - removed.chunk_count,
           title_length = totals.title_length - removed.title_length,
           heading_length = totals.heading_length - removed.heading_length,
           body_length = totals.body_length - removed.body_length
      FROM (SELECT collection_id,
                   count(DISTINCT chunk.id) AS chunk_count,
                   coalesce(sum(title_count), 0) AS title_length,
                   coalesce(sum(heading_count), 0) AS heading_length,
                   coalesce(sum(body_count), 0) AS body_length
              FROM removed_chunks AS chunk
              LEFT JOIN LATERAL chat_words(chunk.search_vector) ON true
          GROUP BY collection_id) AS removed
     WHERE totals.collection_id = removed.collection_id;

    WITH words AS MATERIALIZED (
        SELECT collection_id, chunk.id AS chunk_id, lexeme
          FROM removed_chunks AS chunk
         CROSS JOIN LATERAL unnest(chunk.search_vector)
    ),
    terms AS (
        UPDATE chat_term AS term
           SET chunk_count = term.chunk_count - removed.chunk_count
          FROM (SELECT collection_id, lexeme, count(*) AS chunk_count
                  FROM words
              GROUP BY collection_id, lexeme) AS removed
         WHERE term.collection_id = removed.collection_id
           AND term.lexeme = removed.lexeme
     RETURNING term.id, term.collection_id, term.lexeme
    )
    DELETE FROM chat_posting AS posting
     USING words
      JOIN terms USING (collection_id, lexeme)
     WHERE posting.term_id = terms.id
       AND posting.chunk_id = words.chunk_id;

    DELETE FROM chat_term AS term
     USING (SELECT DISTINCT collection_id, lexeme
              FROM removed_chunks AS chunk
             CROSS JOIN LATERAL unnest(chunk.search_vector)) AS removed
     WHERE term.collection_id = removed.collection_id
       AND term.lexeme = removed.lexeme
       AND term.chunk_count = 0;

    DELETE FROM chat_collectiontotals
     WHERE chunk_count = 0
       AND collection_id IN (SELECT collection_id FROM removed_chunks);
    RETURN NULL;
END
$$;

CREATE FUNCTION chat_empty_postings() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM chat_posting;
    DELETE FROM chat_term;
    DELETE FROM chat_collectiontotals;
    RETURN NULL;
END
$$;

-- All three tables anew from the chunks there are.
CREATE FUNCTION chat_rebuild_postings() RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    LOCK TABLE chat_chunk IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM chat_posting;
    DELETE FROM chat_term;
    DELETE FROM chat_collectiontotals;
    {add postings of chat_chunk}
END
$$;
"""
for chunks in ("added_chunks", "chat_chunk"):
    CREATE_FUNCTIONS = CREATE_FUNCTIONS.replace(
        f"{{add postings of {chunks}}}", ADD_POSTINGS.replace("{chunks}", chunks).strip()
    )

# An update is a removal and an addition; triggers of one event run in the order of their names.
CREATE_TRIGGERS = """
CREATE TRIGGER chat_chunk_inserted
 AFTER INSERT ON chat_chunk
       REFERENCING NEW TABLE AS added_chunks
   FOR EACH STATEMENT EXECUTE FUNCTION chat_add_postings();

CREATE TRIGGER chat_chunk_deleted
 AFTER DELETE ON chat_chunk
       REFERENCING OLD TABLE AS removed_chunks
   FOR EACH STATEMENT EXECUTE FUNCTION chat_remove_postings();

CREATE TRIGGER chat_chunk_updated_1
 AFTER UPDATE ON chat_chunk
       REFERENCING OLD TABLE AS removed_chunks
   FOR EACH STATEMENT EXECUTE FUNCTION chat_remove_postings();

CREATE TRIGGER chat_chunk_updated_2
 AFTER UPDATE ON chat_chunk
       REFERENCING NEW TABLE AS added_chunks
   FOR EACH STATEMENT EXECUTE FUNCTION chat_add_postings();

CREATE TRIGGER chat_chunk_truncated
 AFTER TRUNCATE ON chat_chunk
   FOR EACH STATEMENT EXECUTE FUNCTION chat_empty_postings();
"""
DROP_TRIGGERS = """
DROP TRIGGER chat_chunk_truncated ON chat_chunk;
DROP TRIGGER chat_chunk_updated_2 ON chat_chunk;
DROP TRIGGER chat_chunk_updated_1 ON chat_chunk;
DROP TRIGGER chat_chunk_deleted ON chat_chunk;
DROP TRIGGER chat_chunk_inserted ON chat_chunk;
"""
DROP_FUNCTIONS = """
DROP FUNCTION chat_rebuild_postings();
DROP FUNCTION chat_empty_postings();
DROP FUNCTION chat_remove_postings();
DROP FUNCTION chat_add_postings();
"""


def unchecked(model, field=models.ForeignKey, **options):
    return field(
        db_constraint=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name="+",
        to=model,
        **({"db_index": False} if field is models.ForeignKey else {}),
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_groups")]

    operations = [
        migrations.CreateModel(
            name="CollectionTotals",
            fields=[
                (
                    "collection",
                    unchecked("chat.collection", models.OneToOneField, primary_key=True, serialize=False),
                ),
                ("chunk_count", models.PositiveBigIntegerField()),
                ("title_length", models.PositiveBigIntegerField()),
                ("heading_length", models.PositiveBigIntegerField()),
                ("body_length", models.PositiveBigIntegerField()),
            ],
            options={"verbose_name_plural": "collection totals"},
        ),
        migrations.CreateModel(
            name="Term",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lexeme", models.TextField()),
                (
                    "chunk_count",
                    models.PositiveIntegerField(help_text="How many chunks have it: its document frequency."),
                ),
                ("collection", unchecked("chat.collection")),
            ],
        ),
        migrations.AddConstraint(
            model_name="term",
            constraint=models.UniqueConstraint(fields=("lexeme", "collection"), name="chat_term_once"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE_POSTING, "DROP TABLE chat_posting")],
            state_operations=[
                migrations.CreateModel(
                    name="Posting",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "term_id", "chunk_id", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("title_count", models.PositiveSmallIntegerField()),
                        ("heading_count", models.PositiveSmallIntegerField()),
                        ("body_count", models.PositiveSmallIntegerField()),
                        ("title_length", models.PositiveSmallIntegerField()),
                        ("heading_length", models.PositiveSmallIntegerField()),
                        ("body_length", models.PositiveIntegerField()),
                        ("chunk", unchecked("chat.chunk")),
                        ("term", unchecked("chat.term")),
                    ],
                ),
            ],
        ),
        migrations.RunSQL(CREATE_WORDS, "DROP FUNCTION chat_words(tsvector)"),
        migrations.RunSQL(CREATE_FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(CREATE_TRIGGERS, DROP_TRIGGERS),
    ]
