"""Figures of topics, from the same facts as the reports: what an answer, a failure, a refusal, a vote and a failing
verdict are is defined there. Shares come with their 95 % interval and n."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection

from monitoring.models import Topic, TopicRun

Order = Literal["trouble", "volume", "down", "growth"]
ORDERS: dict[Order, str] = {
    "trouble": "Most trouble",
    "volume": "Most asked",
    "down": "Most disliked",
    "growth": "Growing",
}

FIGURES_SQL = """
WITH voted AS (
    SELECT feedback.turn_id, count(*) AS votes, count(*) FILTER (WHERE feedback.value < 0) AS down
      FROM monitoring_topicturn AS member
      JOIN reports.feedback AS feedback ON feedback.turn_id = member.turn_id
     WHERE member.run_id = %(run)s AND member.topic_id IS NOT NULL
     GROUP BY feedback.turn_id
), judged AS (
    SELECT score.turn_id, bool_or(score.is_failing) AS is_failing
      FROM monitoring_topicturn AS member
      JOIN reports.score AS score ON score.turn_id = member.turn_id
     WHERE member.run_id = %(run)s AND member.topic_id IS NOT NULL
       AND score.name = 'groundedness' AND score.source = 'JUDGE' AND score.value IS NOT NULL
     GROUP BY score.turn_id
), counted AS (
    SELECT member.topic_id,
           count(*) FILTER (WHERE NOT is_before) AS asked,
           count(*) FILTER (WHERE is_before) AS asked_before,
           count(*) FILTER (WHERE NOT is_before AND turn.is_answer) AS answers,
           count(*) FILTER (WHERE NOT is_before AND turn.is_failed) AS failed,
           count(*) FILTER (WHERE NOT is_before AND turn.is_refusal) AS refusals,
           coalesce(sum(voted.votes) FILTER (WHERE NOT is_before), 0)::bigint AS votes,
           coalesce(sum(voted.down) FILTER (WHERE NOT is_before), 0)::bigint AS down,
           count(judged.turn_id) FILTER (WHERE NOT is_before) AS judged,
           count(*) FILTER (WHERE NOT is_before AND NOT judged.is_failing) AS grounded,
           count(*) FILTER (WHERE NOT is_before AND (turn.is_failed OR turn.is_refusal OR coalesce(voted.down, 0) > 0
                                                     OR coalesce(judged.is_failing, false))) AS troubled
      FROM monitoring_topicturn AS member
      JOIN reports.turn AS turn ON turn.turn_id = member.turn_id
      LEFT JOIN voted ON voted.turn_id = member.turn_id
      LEFT JOIN judged ON judged.turn_id = member.turn_id
     WHERE member.run_id = %(run)s AND member.topic_id IS NOT NULL
     GROUP BY member.topic_id
), typical AS (
    SELECT DISTINCT ON (member.topic_id) member.topic_id, turn.question
      FROM monitoring_topicturn AS member
      JOIN chat_turn AS turn ON turn.id = member.turn_id
     WHERE member.run_id = %(run)s AND member.topic_id IS NOT NULL
       AND turn.question <> '' AND member.similarity IS NOT NULL
     ORDER BY member.topic_id, member.similarity DESC, length(turn.question), turn.id
)
SELECT topic.id, topic.words, coalesce(typical.question, '') AS question, counted.*,
       reports.wilson_low(troubled, asked) AS trouble_low, reports.wilson_high(troubled, asked) AS trouble_high,
       reports.wilson_low(down, votes) AS down_low, reports.wilson_high(down, votes) AS down_high,
       reports.wilson_low(grounded, judged) AS grounded_low, reports.wilson_high(grounded, judged) AS grounded_high,
       reports.wilson_low(refusals, answers) AS refused_low, reports.wilson_high(refusals, answers) AS refused_high
  FROM monitoring_topic AS topic
  JOIN counted ON counted.topic_id = topic.id
  LEFT JOIN typical ON typical.topic_id = topic.id
 WHERE topic.run_id = %(run)s
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n with its 95 % interval; all None where there is nothing to take a share of."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class TopicFigures:
    """What is known of a topic. `question` is its most typical one, empty when its users deleted them all."""

    pk: int
    words: list[str]
    question: str
    asked: int
    asked_before: int  # in the time before, as long
    failed: int
    refusals: int
    down: int  # votes
    troubled: int  # turns that failed, were refused, were disliked or are not grounded
    trouble: Share  # of the turns
    disliked: Share  # of the votes
    grounded: Share  # of the turns that a judge looked at
    refused: Share  # of the answers

    @property
    def growth(self) -> int:
        return self.asked - self.asked_before

    @property
    def fewer(self) -> int:
        return -self.growth


def topic_figures(run: TopicRun, order: Order = "trouble") -> list[TopicFigures]:
    """Return the topics of a run that were asked in its range, in that order. One query."""
    with connection.cursor() as cursor:
        cursor.execute(FIGURES_SQL, {"run": run.pk})
        names = [column.name for column in cursor.description]
        figures = [_figures(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    key = _KEYS[order]
    return sorted((one for one in figures if one.asked), key=lambda one: (*key(one), -one.asked, one.pk))


def figures_of(topic: Topic) -> TopicFigures | None:
    """Return the figures of one topic, None where all of its turns are gone."""
    return next((one for one in topic_figures(topic.run) if one.pk == topic.pk), None)


_KEYS: dict[Order, Callable[[TopicFigures], tuple[float, ...]]] = {
    "trouble": lambda one: (-one.troubled, -(one.trouble.value or 0)),
    "volume": lambda one: (-one.asked,),
    "down": lambda one: (-one.down, -(one.disliked.value or 0)),
    "growth": lambda one: (-one.growth,),
}


def _figures(row: dict[str, Any]) -> TopicFigures:
    return TopicFigures(
        pk=row["id"],
        words=row["words"],
        question=row["question"],
        asked=row["asked"],
        asked_before=row["asked_before"],
        failed=row["failed"],
        refusals=row["refusals"],
        down=row["down"],
        troubled=row["troubled"],
        trouble=_share(row, "trouble", row["troubled"], row["asked"]),
        disliked=_share(row, "down", row["down"], row["votes"]),
        grounded=_share(row, "grounded", row["grounded"], row["judged"]),
        refused=_share(row, "refused", row["refusals"], row["answers"]),
    )


def _share(row: dict[str, Any], name: str, count: int, n: int) -> Share:
    return Share(count / n if n else None, row[f"{name}_low"], row[f"{name}_high"], n)
