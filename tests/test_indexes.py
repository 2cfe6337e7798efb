"""Foreign keys without an index of their own: what is deleted still finds the rows that refer to it by an index."""

import pytest
from django.db import connection


@pytest.mark.parametrize(
    ("table", "column", "type_of", "index"),
    [
        ("chat_hit", "turn_id", "bigint", "chat_hit_rank"),
        ("chat_feedback", "turn_id", "bigint", "chat_feedback_once"),
        ("chat_turn", "replaces_id", "bigint", "chat_turn_replaces"),
        ("chat_turn", "config_id", "bigint", "chat_turn_by_config"),
        ("chat_turn", "collection_id", "bigint", "chat_turn_by_collection"),
        ("chat_conversation", "config_id", "bigint", "chat_conversation_config"),
        ("monitoring_score", "rule_id", "bigint", "monitoring_score_by_rule"),
        ("monitoring_score", "reviewer_id", "integer", "monitoring_score_by_reviewer"),
        ("monitoring_score", "author_id", "integer", "monitoring_score_by_author"),
        ("monitoring_score", "conversation_id", "uuid", "monitoring_score_of_whole"),
    ],
)
def test_referring_rows_are_found_by_index(db, table, column, type_of, index):
    with connection.cursor() as cursor:
        # A plan for any value, as PostgreSQL's own checks of foreign keys have; an empty table would be read whole.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE referring ({type_of}) AS SELECT 1 FROM {table} WHERE {column} = $1")
        cursor.execute("EXPLAIN EXECUTE referring (NULL)")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("DEALLOCATE referring")

    assert index in plan
