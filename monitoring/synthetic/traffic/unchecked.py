"""Writing without PostgreSQL's checks of foreign keys, which also leaves out triggers: what they would do is done
here."""

from datetime import UTC, datetime

import numpy as np
from django.db import connection

from monitoring.exceptions import TrafficError
from monitoring.reports.noting import note_changes
from monitoring.synthetic.traffic.arrays import Floats
from monitoring.synthetic.traffic.call_counts import call_times
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.writing import Writing

MAY_SQL = "SELECT has_parameter_privilege('session_replication_role', 'SET')"
SKIP_SQL = "SET LOCAL session_replication_role = 'replica'"
# The same lock that a foreign key takes: nobody can delete these rows before the transaction ends.
LOCK_SQL = {
    "chat_chunk": "SELECT id FROM chat_chunk WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "chat_document": "SELECT id FROM chat_document WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "chat_collection": "SELECT id FROM chat_collection WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "chat_pipelineconfig": "SELECT id FROM chat_pipelineconfig WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "auth_user": "SELECT id FROM auth_user WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "monitoring_judgeversion": "SELECT id FROM monitoring_judgeversion WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "monitoring_experiment": "SELECT id FROM monitoring_experiment WHERE id = ANY(%(ids)s) FOR KEY SHARE",
    "monitoring_variant": "SELECT id FROM monitoring_variant WHERE id = ANY(%(ids)s) FOR KEY SHARE",
}


def may_skip_checks() -> bool:
    """Whether the database's role may: a superuser, or one that was granted it, as PostgreSQL 15 and later can."""
    if connection.connection is None:
        connection.ensure_connection()
    if connection.connection.info.server_version < 150000:
        return False
    with connection.cursor() as cursor:
        cursor.execute(MAY_SQL)
        return bool(cursor.fetchone()[0])


def skip_checks() -> None:
    """Check no foreign keys and fire no triggers until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(SKIP_SQL)


def lock_ground(writing: Writing) -> None:
    """Keep every row that a block refers to until the transaction ends. Raises TrafficError when one is gone."""
    with connection.cursor() as cursor:
        for name, ids in writing.ground.items():
            cursor.execute(LOCK_SQL[name], {"ids": ids})
            if len(cursor.fetchall()) != len(ids):
                raise TrafficError(
                    f"Rows of {name} that the traffic stands on were removed meanwhile, such as a document that was"
                    " taken in anew. What is written stays; start again."
                )


def note_turns(block: Block) -> None:
    """Say in which hours figures of turns, votes and scores change."""
    note_changes(turn_hours=_hours(block.asked.created), call_hours=())


def note_calls(block: Block) -> None:
    """The same for calls of models."""
    note_changes(turn_hours=(), call_hours=_hours(call_times(block)))


def _hours(seconds: Floats) -> list[datetime]:
    return [datetime.fromtimestamp(hour * 3600, UTC) for hour in np.unique(seconds // 3600).tolist()]
