"""What is due: a function of the data, so that a lost nudge, a killed worker or a restart loses nothing.

Due is a finished turn that matches a rule and is in its sample, has no final verdict of the rule's judge version, and
that nobody is judging at the moment. Whether a turn is in the sample is decided by its id and the judge's name alone:
by the same 32 bits of an MD5 on each machine and in each process, so that a turn is in it or not, for good, and a
higher rate only adds turns.

A verdict is final when it has a value, or an error that is not to be tried again. A whole conversation is judged at its
last answer, when nothing has happened in it for a while; when it goes on, it is judged again at its new last answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from monitoring.judging.rules import WorkingRule

# The parts of a WITH: `matching` has a row for each turn that matches a rule, in the sample or not, with the verdict
# that it has; `open` has those that wait for a verdict, each once for each judge version.
MATCHING_SQL = """
WITH asked AS (
    SELECT *
      FROM jsonb_to_recordset(%(asked)s::jsonb)
        AS asked (
               rule_id bigint, version_id bigint, judge text, origin text, collection_id bigint, config_id bigint,
               sampling_rate double precision, of_conversation boolean, needs_reference boolean,
               begins_at timestamptz, ends_at timestamptz
           )
), reference AS (
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
    SELECT asked.rule_id, asked.version_id, turn.id AS turn_id, turn.finished_at,
           score.id AS score_id, score.value, score.retry_at,
           asked.sampling_rate >= 1
           OR ('x' || left(md5(asked.judge || ':' || turn.id), 8))::bit(32)::bigint / 4294967296.0 < asked.sampling_rate
           AS is_sampled
      FROM asked
      JOIN chat_turn AS turn
        ON turn.status = 'DONE'
       AND turn.answer <> ''
       AND turn.finished_at >= asked.begins_at
       AND turn.finished_at < asked.ends_at
       AND turn.origin = asked.origin
       AND (asked.collection_id IS NULL OR turn.collection_id = asked.collection_id)
       AND (asked.config_id IS NULL OR turn.config_id = asked.config_id)
      JOIN chat_conversation AS conversation
        ON conversation.id = turn.conversation_id
       AND conversation.deleted_at IS NULL
      LEFT JOIN monitoring_score AS score
        ON score.turn_id = turn.id
       AND score.judge_version_id = asked.version_id
       AND score.source = 'JUDGE'
     WHERE (NOT asked.needs_reference OR turn.id IN (SELECT turn_id FROM reference))
       AND (NOT asked.of_conversation
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
), open AS (
    SELECT DISTINCT ON (turn_id, version_id) *
      FROM matching
     WHERE is_sampled
       AND (score_id IS NULL OR (value IS NULL AND retry_at IS NOT NULL))
     ORDER BY turn_id, version_id, rule_id
)
"""

# Whatever was on its way when a process died comes last: if it was what killed the process, others go before it.
# After that the newest come first, for they are what people wait for.
DUE_SQL = (
    MATCHING_SQL
    + """
SELECT open.rule_id, open.version_id, open.turn_id
  FROM open
  LEFT JOIN monitoring_judgeclaim AS claim
    ON claim.turn_id = open.turn_id
   AND claim.judge_version_id = open.version_id
 WHERE (open.retry_at IS NULL OR open.retry_at <= now())
   AND (claim.id IS NULL OR claim.leased_until < now())
 ORDER BY COALESCE(claim.starts, 0), open.finished_at DESC, open.turn_id DESC, open.version_id
 LIMIT %(limit)s
"""
)

OPEN_COUNT_SQL = (
    MATCHING_SQL
    + """
SELECT count(*)
  FROM open
"""
)


@dataclass(frozen=True, slots=True)
class Due:
    """A turn to be judged, and by which rule."""

    rule_id: int
    version_id: int
    turn_id: int


def find_due(rules: Sequence[WorkingRule], *, limit: int) -> list[Due]:
    """Return what is due by these rules, in the order in which it is to be judged. One query."""
    if not rules:
        return []
    with connection.cursor() as cursor:
        cursor.execute(DUE_SQL, {**parameters(rules), "limit": limit})
        return [Due(*row) for row in cursor.fetchall()]


def count_open(rules: Sequence[WorkingRule]) -> int:
    """Return how many turns have no final verdict by these rules, also those on their way or to be tried again."""
    if not rules:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(OPEN_COUNT_SQL, parameters(rules))
        return int(cursor.fetchone()[0])


def parameters(rules: Sequence[WorkingRule]) -> dict[str, Any]:
    """Return what MATCHING_SQL is about."""
    asked = [
        {
            "rule_id": working.rule.pk,
            "version_id": working.version_id,
            "judge": working.rule.judge,
            "origin": working.rule.origin,
            "collection_id": working.rule.collection_id,
            "config_id": working.rule.config_id,
            "sampling_rate": working.rule.sampling_rate,
            "of_conversation": working.judge.criterion.subject == "conversation",
            "needs_reference": working.judge.needs_reference,
            "begins_at": window.begins_at.isoformat(),
            "ends_at": window.ends_at.isoformat() if window.ends_at else "infinity",
        }
        for working in rules
        for window in working.windows
    ]
    return {"asked": json.dumps(asked), "quiet_seconds": settings.SESSION_QUIET_MINUTES * 60}
