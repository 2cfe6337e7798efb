"""Feedback and sessions: what users say, and which conversations went wrong. Texts are in the admin."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build.board import board
from deploy.grafana.build.links import CONVERSATION, TURN, turns, turns_from_point
from deploy.grafana.build.panels import (
    BAD,
    GOOD,
    HIGH,
    LOW,
    NUMBER,
    RATIO,
    USD,
    PanelBuilder,
    figure,
    lines,
    rows,
    stacked,
)
from deploy.grafana.build.sql import Sql, call, facts, percent_interval, select

SHOWN = 50
OPEN_CONVERSATION = ("Open the conversation in the admin", CONVERSATION)
OPEN_TURN = ("Open the turn in the admin", TURN)
NO_TEXTS = "No texts here: the link leads to the admin, where permissions hold."

# Sessions and votes are looked for among the newest turns of the range, which an index finds: grouping millions of them
# each minute would keep the database from answering users.
NEWEST, LOOKED_AT = 20_000, "20,000"
ASKED = f"""WITH asked AS (
  SELECT turn_id, conversation_id, created_at, is_failed, cost_usd
    FROM reports.turn
   WHERE {facts("created_at")}
   ORDER BY created_at DESC
   LIMIT {NEWEST}
)"""
NEGATIVE_SESSIONS = f"""{ASKED}, told AS (
  SELECT turn_id, count(*) AS down
    FROM asked
    JOIN reports.feedback USING (turn_id)
   WHERE value < 0
   GROUP BY turn_id
), judged AS (
  SELECT DISTINCT turn_id, true AS is_failing
    FROM asked
    JOIN reports.score USING (turn_id)
   WHERE source = 'JUDGE'
     AND score.is_failing
)
SELECT conversation_id::text AS "conversation",
       coalesce(sum(down), 0) AS "thumbs down",
       count(is_failing) AS "turns that judges fail",
       count(*) FILTER (WHERE is_failed) AS "failed turns",
       count(*) AS "n: turns",
       max(created_at) AS "last question"
  FROM asked
  LEFT JOIN told USING (turn_id)
  LEFT JOIN judged USING (turn_id)
 GROUP BY conversation_id
HAVING coalesce(sum(down), 0) + count(is_failing) + count(*) FILTER (WHERE is_failed) > 0
 ORDER BY coalesce(sum(down), 0) DESC,
          count(is_failing) + count(*) FILTER (WHERE is_failed) DESC,
          max(created_at) DESC,
          conversation_id
 LIMIT {SHOWN}"""


def feedback() -> Dashboard:
    return board(
        "ragsite-feedback",
        "ragsite: Feedback and sessions",
        "Votes, comments and the conversations that went wrong.",
        {
            "At a glance": [_thumbs(), _coverage(), _downs(), _regenerated()],
            "Votes": [_votes(), _share(), _by_config()],
            "Sessions": [_negative_sessions(), _last_conversations()],
            "Single votes": [_last_votes()],
        },
    )


def _thumbs() -> PanelBuilder:
    columns = {
        "thumbs up": "up_ratio",
        "95 % interval": percent_interval("up_low", "up_high"),
        "n: votes": "up + down",
    }
    return figure(
        "Thumbs up, share of votes",
        "Votes count at the time of their question. Who does not vote is not counted.",
        Sql(select(columns, call("feedback"))),
        unit=RATIO,
        url=turns(vote="up"),
    )


def _coverage() -> PanelBuilder:
    columns = {
        "rated": "coverage_ratio",
        "95 % interval": percent_interval("coverage_low", "coverage_high"),
        "n: answers": "answers",
    }
    return figure(
        "Rated answers, share of answers",
        "How many answers got a vote at all. Below a few per cent the voters are hardly typical of all users.",
        Sql(select(columns, call("feedback"))),
        unit=RATIO,
        url=turns(vote="none"),
    )


def _downs() -> PanelBuilder:
    return figure(
        "Thumbs down, votes",
        "How many votes said no, of how many, and how many of all votes came with a comment.",
        Sql(select({"thumbs down": "down", "n: votes": "up + down", "n: comments": "comments"}, call("feedback"))),
        unit=NUMBER,
        url=turns(vote="down"),
    )


def _regenerated() -> PanelBuilder:
    return figure(
        "Answers asked for again, and copied",
        "What users do without voting: asking for another answer says no, copying says yes.",
        Sql(select({"asked again": "regenerated", "copied": "copies", "n: answers": "answers"}, call("feedback"))),
        unit=NUMBER,
    )


def _votes() -> PanelBuilder:
    return stacked(
        "What do users vote? Votes by step",
        "Thumbs up and thumbs down at the time of the question.",
        Sql(select({"time": "at", "thumbs up": "up", "thumbs down": "down"}, call("feedback", steps=True), order="at")),
        unit=NUMBER,
        colours={"thumbs up": GOOD, "thumbs down": BAD},
        url=turns_from_point(),
    )


def _share() -> PanelBuilder:
    columns = {"time": "at", "thumbs up": "up_ratio", LOW: "up_low", HIGH: "up_high", "n: votes": "up + down"}
    return lines(
        "Do users like the answers more or less? Share of thumbs up",
        "With the 95 % interval, which is wide where few voted.",
        Sql(select(columns, call("feedback", steps=True), order="at")),
        unit=RATIO,
        colours={"thumbs up": GOOD},
        url=turns_from_point(),
        has_band=True,
    )


def _by_config() -> PanelBuilder:
    columns = {
        "pipeline config": "label",
        "id": "key",
        "thumbs up": "up_ratio",
        "low": "up_low",
        "high": "up_high",
        "n: votes": "up + down",
        "rated": "coverage_ratio",
        "n: answers": "answers",
    }
    link = ("Show the turns with thumbs down", turns(config="${__data.fields.id}", vote="down"))
    return rows(
        "Which pipeline config do users like? Share of thumbs up",
        "With the 95 % interval (low, high). Where intervals overlap widely, the difference may be chance.",
        Sql(select(columns, call("feedback", by="config"), where="answers > 0", order="up_ratio DESC NULLS LAST, key")),
        units={"thumbs up|low|high|rated": RATIO},
        urls={"pipeline config": link},
        height=7,
    )


def _negative_sessions() -> PanelBuilder:
    return rows(
        "Which conversations went wrong?",
        f"The {SHOWN} with the most thumbs down, then with the most turns that failed or that a judge fails, among the "
        f"newest {LOOKED_AT} turns of the range. {NO_TEXTS}",
        Sql(NEGATIVE_SESSIONS),
        urls={"conversation": OPEN_CONVERSATION},
    )


def _last_conversations() -> PanelBuilder:
    columns = {
        "conversation": "conversation_id::text",
        "first question": "min(created_at)",
        "last question": "max(created_at)",
        "n: turns": "count(*)",
        "failed turns": "count(*) FILTER (WHERE is_failed)",
        "n: known costs": "count(cost_usd)",
        "known cost": "sum(cost_usd)",
    }
    query = select(
        columns, "asked\n GROUP BY conversation_id", order="max(created_at) DESC, conversation_id", limit=SHOWN
    )
    return rows(
        "Last conversations",
        f"The {SHOWN} that were asked in last, with their turns among the newest {LOOKED_AT} of the range. {NO_TEXTS}",
        Sql(f"{ASKED}\n{query}"),
        units={"known cost": USD},
        urls={"conversation": OPEN_CONVERSATION},
    )


def _last_votes() -> PanelBuilder:
    columns = {
        "turn": "turn_id",
        "conversation": "asked.conversation_id::text",
        "vote": "CASE WHEN value > 0 THEN 'up' ELSE 'down' END",
        "reasons": "lower(array_to_string(reasons, ', '))",
        "with a comment": "has_comment",
        "asked": "created_at",
        "voted": "given_at",
    }
    source = "asked\n  JOIN reports.feedback USING (turn_id)"
    query = select(columns, source, order="created_at DESC, feedback_id DESC", limit=SHOWN)
    return rows(
        "Last votes",
        f"The {SHOWN} votes on the newest questions, among the newest {LOOKED_AT} turns of the range. {NO_TEXTS}",
        Sql(f"{ASKED}\n{query}"),
        urls={"turn": OPEN_TURN, "conversation": OPEN_CONVERSATION},
    )
