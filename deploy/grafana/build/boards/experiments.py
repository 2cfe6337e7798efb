"""Experiments, in which users are divided by lot; and below them all pipeline configs side by side.

Which of these answered was chosen by people or by the default where no experiment ran: a difference between configs may
come from who asked.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build.board import board
from deploy.grafana.build.boards.divided import divided
from deploy.grafana.build.links import turns
from deploy.grafana.build.panels import NUMBER, RATIO, SECONDS, USD, PanelBuilder, lines, rows
from deploy.grafana.build.sql import Sql, call, select

CONFIG = "${__data.fields.id}"
NOT_BY_LOT = (
    "Who was answered by which config was not drawn by lot, so a difference may come from who asked what. "
    "Where 95 % intervals (low, high) overlap widely, it may be chance."
)
SHOW = "Show the turns of this config"


def experiments() -> Dashboard:
    return board(
        "ragsite-experiments",
        "ragsite: Experiments",
        f"Experiments, and pipeline configs side by side. Outside of experiments: {NOT_BY_LOT}",
        {
            "Experiments: users divided by lot": divided(),
            "Which config is better?": [_traffic(), _liked(), _scores(), _speed(), _cost()],
            "Over time": [_asked(), _up(), _grounded(), _p95()],
        },
        days=30,
    )


def _traffic() -> PanelBuilder:
    columns = {
        "pipeline config": "label",
        "id": "key",
        "n: turns": "turns",
        "errors": "error_ratio",
        "errors, low": "error_low",
        "errors, high": "error_high",
        "n: answers": "answers",
        "refusals": "refusal_ratio",
        "refusals, low": "refusal_low",
        "refusals, high": "refusal_high",
        "n: degraded": "degraded",
    }
    return rows(
        "How often does each config fail or refuse? Shares",
        f"Errors of finished turns, refusals of answers. {NOT_BY_LOT}",
        Sql(select(columns, call("turns", by="config"), where="key <> ''", order="turns DESC, key")),
        units={"(errors|refusals).*": RATIO},
        urls={
            "pipeline config": (SHOW, turns(config=CONFIG)),
            "errors": ("Show the failed turns", turns(config=CONFIG, outcome="failed")),
            "refusals": ("Show the refusals", turns(config=CONFIG, outcome="refused")),
        },
        height=7,
    )


def _liked() -> PanelBuilder:
    columns = {
        "pipeline config": "label",
        "id": "key",
        "n: votes": "up + down",
        "thumbs up": "up_ratio",
        "thumbs up, low": "up_low",
        "thumbs up, high": "up_high",
        "n: answers": "answers",
        "rated": "coverage_ratio",
    }
    return rows(
        "Which config do users like? Share of thumbs up",
        NOT_BY_LOT,
        Sql(select(columns, call("feedback", by="config"), where="key <> ''", order="up_ratio DESC NULLS LAST, key")),
        units={"(thumbs up|rated).*": RATIO},
        urls={"pipeline config": (SHOW, turns(config=CONFIG, vote="down"))},
        width=12,
        height=7,
    )


def _scores() -> PanelBuilder:
    columns = {
        "criterion": "name",
        "pipeline config": "label",
        "id": "key",
        "judge": "judge || ' #' || judge_version_id",
        "n: scored": "scored",
        "mean": "mean",
        "mean, low": "mean_low",
        "mean, high": "mean_high",
        "failing": "failing_ratio",
        "corrected": "corrected_ratio",
    }
    return rows(
        "Which config do judges like? Scores (0 to 1)",
        f"By the same version of the same judge only: versions do not compare. {NOT_BY_LOT}",
        Sql(select(columns, call("scores", by="config"), order="name, judge, judge_version_id DESC, mean DESC, key")),
        units={"failing|corrected": RATIO},
        urls={"failing": ("Show the failing turns", turns(config=CONFIG, failing="${__data.fields.criterion}"))},
        width=12,
        height=7,
    )


def _speed() -> PanelBuilder:
    columns = {
        "pipeline config": "total.label",
        "id": "total.key",
        "n: answers": "total.n",
        "mean": "total.mean_seconds",
        "half within": "total.p50_seconds",
        "95 % within": "total.p95_seconds",
        "first token, half within": "first.p50_seconds",
        "first token, 95 % within": "first.p95_seconds",
    }
    source = (
        f"{call('latency', by='config', measure='total')} AS total\n"
        f"  LEFT JOIN {call('latency', by='config', measure='first_token')} AS first USING (key)"
    )
    return rows(
        "How fast is each config? Seconds",
        "From the question to the end of the answer, and to its first token. Quantiles are right to 5 %.",
        Sql(select(columns, source, where="key <> ''", order="total.p95_seconds, key")),
        units={"mean|.*within": SECONDS},
        urls={"pipeline config": (SHOW, turns(config=CONFIG))},
        width=12,
        height=7,
    )


def _cost() -> PanelBuilder:
    columns = {
        "pipeline config": "label",
        "id": "key",
        "n: answers with a known cost": "known",
        "an answer": "usd_per_answer",
        "an answer, low": "usd_per_answer_low",
        "an answer, high": "usd_per_answer_high",
        "a thumbs up": "usd_per_up",
    }
    return rows(
        "What does an answer of each config cost? USD, mean",
        "Over answers whose cost is known.",
        Sql(select(columns, call("answer_cost", by="config"), where="key <> ''", order="usd_per_answer, key")),
        units={"an? .*": USD},
        urls={"pipeline config": (SHOW, turns(config=CONFIG))},
        width=12,
        height=7,
    )


def _asked() -> PanelBuilder:
    return _over_time(
        "How much traffic does each config answer? Turns by step",
        "This is the n of the panels beside and below.",
        "turns",
        call("turns", steps=True, by="config"),
        unit=NUMBER,
    )


def _up() -> PanelBuilder:
    return _over_time(
        "Do users like one more over time? Share of thumbs up",
        "n, the votes, stands in the table above.",
        "up_ratio",
        call("feedback", steps=True, by="config"),
        unit=RATIO,
    )


def _grounded() -> PanelBuilder:
    return _over_time(
        "Is one more grounded over time? Mean groundedness (0 to 1)",
        "n, the scores, stands in the table above; a line for each config and judge version.",
        "mean",
        call("scores", steps=True, by="config", name="groundedness"),
        unit=RATIO,
        series="label || ', ' || judge || ' #' || judge_version_id",
    )


def _p95() -> PanelBuilder:
    return _over_time(
        "Is one slower over time? Seconds within which 95 % of answers are there",
        "From the question to the end of the answer; n, the answers, stands in the table above.",
        "p95_seconds",
        call("latency", steps=True, by="config"),
        unit=SECONDS,
    )


def _over_time(
    title: str, description: str, value: str, source: str, *, unit: str, series: str = "label"
) -> PanelBuilder:
    columns = {"time": "at", "metric": series, "value": value}
    query = select(columns, source, where=f"{value} IS NOT NULL", order="at, 2")
    return lines(title, description, Sql(query, is_long=True), unit=unit)
