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

NEGATIVE_SESSIONS = f"""WITH asked AS (
  SELECT turn_id, conversation_id, created_at, is_failed
    FROM reports.turn
   WHERE {facts("created_at")}
), told AS (
  SELECT conversation_id, count(*) AS down
    FROM reports.feedback
   WHERE value < 0
   AND {facts("asked_at")}
   GROUP BY conversation_id
), judged AS (
  SELECT conversation_id, count(DISTINCT turn_id) AS failing
    FROM reports.score
   WHERE is_failing
   AND source = 'JUDGE'
   AND {facts("asked_at")}
   GROUP BY conversation_id
), summed AS (
  SELECT conversation_id, count(*) AS turns, count(*) FILTER (WHERE is_failed) AS failed, max(created_at) AS last_at
    FROM asked
   GROUP BY conversation_id
)
SELECT conversation_id::text AS "conversation",
       coalesce(down, 0) AS "thumbs down",
       coalesce(failing, 0) AS "turns that judges fail",
       failed AS "failed turns",
       turns AS "n: turns",
       last_at AS "last question"
  FROM summed
  LEFT JOIN told USING (conversation_id)
  LEFT JOIN judged USING (conversation_id)
 WHERE coalesce(down, 0) + coalesce(failing, 0) + failed > 0
 ORDER BY coalesce(down, 0) DESC, coalesce(failing, 0) + failed DESC, last_at DESC, conversation_id
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
        f"The {SHOWN} with the most thumbs down, then with the most turns that failed or that a judge fails, of those "
        f"asked in the range. {NO_TEXTS}",
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
    grouped = f"{facts('created_at')}\n GROUP BY conversation_id"
    return rows(
        "Last conversations",
        f"The {SHOWN} that were asked in last, with their turns of the range. {NO_TEXTS}",
        Sql(select(columns, "reports.turn", where=grouped, order="max(created_at) DESC, conversation_id", limit=SHOWN)),
        units={"known cost": USD},
        urls={"conversation": OPEN_CONVERSATION},
    )


def _last_votes() -> PanelBuilder:
    columns = {
        "turn": "turn_id",
        "conversation": "conversation_id::text",
        "vote": "CASE WHEN value > 0 THEN 'up' ELSE 'down' END",
        "reasons": "lower(array_to_string(reasons, ', '))",
        "with a comment": "has_comment",
        "asked": "asked_at",
        "voted": "given_at",
    }
    return rows(
        "Last votes",
        f"The {SHOWN} votes on the newest questions. {NO_TEXTS}",
        Sql(
            select(
                columns,
                "reports.feedback",
                where=facts("asked_at"),
                order="asked_at DESC, feedback_id DESC",
                limit=SHOWN,
            )
        ),
        urls={"turn": OPEN_TURN, "conversation": OPEN_CONVERSATION},
    )
