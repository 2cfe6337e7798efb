"""What is due: a function of the data, so that a lost nudge, a killed worker or a restart loses nothing.

Due is a finished turn that matches a rule and is in its sample, has no final verdict of the rule's judge version, and
that nobody is judging at the moment. Whether a turn is in the sample is decided by its id and the judge's name alone:
by the same 32 bits of an MD5 on each machine and in each process, so that a turn is in it or not, for good, and a
higher rate only adds turns.

A verdict is final when it has a value, or an error that is not to be tried again. A whole conversation is judged at its
last answer, when nothing has happened in it for a while; when it goes on, it is judged again at its new last answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from monitoring.judging.rules import Window, WorkingRule

# `matching` has the turns that match a rule in a range of time, in the sample or not, with the verdict that they have.
# One statement for each rule and range: its values are known when it is planned, so that conditions that do not apply
# cost nothing and the others are estimated well, with a week of turns as with an hour.
MATCHING_SQL = """
WITH reference AS (
    SELECT turn_id FROM monitoring_correctedanswer WHERE text <> ''
     UNION
    SELECT source_turn_id
      FROM monitoring_datasetitem
     WHERE source_turn_id IS NOT NULL AND removed_in IS NULL AND expected_answer <> ''
     UNION
    SELECT evaluated.turn_id
      FROM monitoring_evaluationitem AS evaluated
      JOIN monitoring_datasetitem AS item ON item.id = evaluated.item_id
     WHERE evaluated.turn_id IS NOT NULL AND item.expected_answer <> ''
), matching AS (
    SELECT turn.id AS turn_id, turn.finished_at, score.id AS score_id, score.value, score.retry_at,
           %(sampling_rate)s >= 1
           OR ('x' || left(md5(%(judge)s || ':' || turn.id), 8))::bit(32)::bigint / 4294967296.0 < %(sampling_rate)s
           AS is_sampled
      FROM chat_turn AS turn
      JOIN chat_conversation AS conversation
        ON conversation.id = turn.conversation_id
       AND conversation.deleted_at IS NULL
      LEFT JOIN monitoring_score AS score
        ON score.turn_id = turn.id
       AND score.judge_version_id = %(version_id)s
       AND score.source = 'JUDGE'
     WHERE turn.status = 'DONE'
       AND turn.answer <> ''
       AND turn.finished_at >= %(begins_at)s
       AND turn.finished_at < %(ends_at)s
       AND turn.origin = %(origin)s
       AND (%(collection_id)s IS NULL OR turn.collection_id = %(collection_id)s)
       AND (%(config_id)s IS NULL OR turn.config_id = %(config_id)s)
       AND (NOT %(needs_reference)s OR turn.id IN (SELECT turn_id FROM reference))
       AND (NOT %(of_conversation)s
            OR (turn.is_current
                AND turn.finished_at <= now() - make_interval(secs => %(quiet_seconds)s)
                AND NOT EXISTS (
                    SELECT
                      FROM chat_turn AS other
                     WHERE other.conversation_id = turn.conversation_id
                       AND other.id <> turn.id
                       AND (other.status IN ('PENDING', 'STREAMING')
                            OR other.finished_at > now() - make_interval(secs => %(quiet_seconds)s)
                            OR (other.is_current AND other.status = 'DONE' AND other.answer <> ''
                                AND other.position > turn.position))
                )))
)
"""

# Whatever was on its way when a process died comes last: if it was what killed the process, others go before it.
# After that the newest come first, for they are what people wait for.
DUE_SQL = (
    MATCHING_SQL
    + """
SELECT matching.turn_id, matching.finished_at, COALESCE(claim.starts, 0) AS starts
  FROM matching
  LEFT JOIN monitoring_judgeclaim AS claim
    ON claim.turn_id = matching.turn_id
   AND claim.judge_version_id = %(version_id)s
 WHERE is_sampled
   AND (score_id IS NULL OR (value IS NULL AND retry_at <= now()))
   AND (claim.id IS NULL OR claim.leased_until < now())
 ORDER BY starts, finished_at DESC, turn_id DESC
 LIMIT %(limit)s
"""
)

OPEN_COUNT_SQL = (
    MATCHING_SQL
    + """
SELECT count(*)
  FROM matching
 WHERE is_sampled
   AND (score_id IS NULL OR (value IS NULL AND retry_at IS NOT NULL))
"""
)


@dataclass(frozen=True, slots=True)
class Due:
    """A turn to be judged, and by which rule. `starts`: how often a process died over it."""

    rule_id: int
    version_id: int
    turn_id: int
    finished_at: datetime
    starts: int = 0


def find_due(rules: Sequence[WorkingRule], *, limit: int) -> list[Due]:
    """Return what is due by these rules, in the order in which it is to be judged; what two rules ask of one judge
    version is due by the first. A query for each rule and range."""
    found: dict[tuple[int, int], Due] = {}
    asked = [(working, working.version_id, window) for working in rules for window in working.windows]
    with connection.cursor() as cursor:
        for working, version_id, window in asked:
            if version_id is None:
                continue
            cursor.execute(DUE_SQL, {**parameters(working, window), "limit": limit})
            for turn_id, finished_at, starts in cursor.fetchall():
                due = Due(working.rule.pk, version_id, turn_id, finished_at, starts)
                found.setdefault((turn_id, version_id), due)
    ordered = sorted(found.values(), key=lambda due: (-due.starts, due.finished_at, due.turn_id, -due.version_id))
    return ordered[::-1][:limit]


def count_open(working: WorkingRule, window: Window) -> int:
    """Return how many turns of a range have no final verdict by a rule, also those on their way or to be tried again.
    One query."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_COUNT_SQL, parameters(working, window))
        return int(cursor.fetchone()[0])


def parameters(working: WorkingRule, window: Window) -> dict[str, Any]:
    """Return what MATCHING_SQL is about."""
    rule = working.rule
    return {
        "version_id": working.version_id,
        "judge": rule.judge,
        "origin": rule.origin,
        "collection_id": rule.collection_id,
        "config_id": rule.config_id,
        "sampling_rate": rule.sampling_rate,
        "of_conversation": working.judge.criterion.subject == "conversation",
        "needs_reference": working.judge.needs_reference,
        "quiet_seconds": settings.SESSION_QUIET_MINUTES * 60,
        "begins_at": window.begins_at,
        "ends_at": window.ends_at or "infinity",
    }
