"""Cost: what calls of models cost, what for, how sure that is, and what an answer costs."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build.board import board
from deploy.grafana.build.links import turns_from_point
from deploy.grafana.build.panels import (
    AMOUNT,
    BYTES,
    HIGH,
    LOW,
    NUMBER,
    OTHER,
    SECONDS,
    USD,
    PanelBuilder,
    figure,
    lines,
    rows,
    stacked,
)
from deploy.grafana.build.sql import Sql, call, number_interval, select

KNOWN = "Calls of unknown cost add nothing and are counted apart; where all are unknown, so is the sum."
ALL_CALLS = "The model is the one that was called; collection and config are those of the turn that it was for."
CALL_COLUMNS = {
    "n: calls": "calls",
    "failed": "failed_calls",
    "cost": "cost_usd",
    "exact": "exact_usd",
    "estimated": "estimated_usd",
    "calls of unknown cost": "unknown_cost_calls",
    "input tokens": "input_tokens",
    "output tokens": "output_tokens",
    "calls of unknown tokens": "unknown_token_calls",
    "seconds a call": "duration_seconds / NULLIF(calls, 0)",
}
CALL_UNITS = {"cost|exact|estimated": USD, "seconds a call": SECONDS, ".* tokens|n: .*": NUMBER}


def cost() -> Dashboard:
    return board(
        "ragsite-cost",
        "ragsite: Cost",
        "Money and tokens of all calls of models, by purpose and by model.",
        {
            "At a glance": [_total(), _certainty(), _per_answer(), _per_thumb()],
            "Over time": [_over_time("purpose", "What is money spent on? USD by purpose"), _answer_cost(),
                          _over_time("model", "Which models cost it? USD by model"), _tokens()],
            "What for": [_table("purpose", "Cost by purpose, USD"), _table("model", "Cost by model, USD")],
            "Storage": [_storage()],
        },
        days=30,
    )  # fmt: skip


def _total() -> PanelBuilder:
    return figure(
        "Cost of all calls, USD",
        f"Answers, rewrites, judges, written questions and embeddings together, by the time of the call. {KNOWN}",
        Sql(select({"cost": "cost_usd", "n: calls": "calls"}, call("calls"))),
        unit=USD,
    )


def _certainty() -> PanelBuilder:
    columns = {"exact": "exact_usd", "estimated": "estimated_usd", "n: calls of unknown cost": "unknown_cost_calls"}
    return figure(
        "How sure is that? USD exact and estimated",
        "Exact: the server said how many tokens. Estimated: they were counted here. Unknown: no price, or no tokens.",
        Sql(select(columns, call("calls"))),
        unit=USD,
    )


def _per_answer() -> PanelBuilder:
    columns = {
        "an answer": "usd_per_answer",
        "95 % interval": number_interval("usd_per_answer_low", "usd_per_answer_high", digits=5),
        "n: answers with a known cost": "known",
    }
    return figure(
        "Cost of an answer, USD, mean",
        "Of all calls that were made for the answer, over answers whose cost is known. Judges come on top.",
        Sql(select(columns, call("answer_cost"))),
        unit=USD,
    )


def _per_thumb() -> PanelBuilder:
    return figure(
        "Cost per thumbs up, USD",
        "Known cost of all answers divided by the thumbs up that they got; unknown without a thumbs up.",
        Sql(select({"a thumbs up": "usd_per_up", "n: thumbs up": "up"}, call("answer_cost"))),
        unit=USD,
    )


def _over_time(by: str, title: str) -> PanelBuilder:
    return stacked(
        title,
        f"By the time of the call. {KNOWN} {ALL_CALLS}",
        Sql(
            select(
                {"time": "at", "metric": "label", "value": "cost_usd"},
                call("calls", steps=True, by=by),
                order="at, key",
            ),
            is_long=True,
        ),
        unit=USD,
    )


def _answer_cost() -> PanelBuilder:
    columns = {
        "time": "at",
        "an answer": "usd_per_answer",
        LOW: "usd_per_answer_low",
        HIGH: "usd_per_answer_high",
        "n: answers": "known",
    }
    return lines(
        "What does an answer cost? USD, mean",
        "With the 95 % interval, over answers whose cost is known.",
        Sql(select(columns, call("answer_cost", steps=True), order="at")),
        unit=USD,
        colours={"an answer": AMOUNT},
        url=turns_from_point(),
        has_band=True,
    )


def _tokens() -> PanelBuilder:
    columns = {
        "time": "at",
        "input": "input_tokens",
        "of them cached": "cached_input_tokens",
        "output": "output_tokens",
        "of them reasoning": "reasoning_tokens",
        "n: calls of unknown tokens": "unknown_token_calls",
    }
    return lines(
        "How many tokens go in and out? Tokens by step",
        "Cached tokens are part of the input, reasoning tokens part of the output.",
        Sql(select(columns, call("calls", steps=True), order="at")),
        unit=NUMBER,
        colours={"input": AMOUNT, "of them cached": "light-blue", "output": OTHER, "of them reasoning": "light-purple"},
    )


def _table(by: str, title: str) -> PanelBuilder:
    return rows(
        title,
        f"{KNOWN} {ALL_CALLS}",
        Sql(
            select(
                {by: "label", **CALL_COLUMNS}, call("calls", by=by), order="cost_usd DESC NULLS LAST, calls DESC, key"
            )
        ),
        units=CALL_UNITS,
        height=7,
    )


def _storage() -> PanelBuilder:
    columns = {
        "embedder": "embedder",
        "dimensions": "dimensions",
        "n: vectors": "vectors",
        "table": "table_bytes",
        "index": "index_bytes",
    }
    return rows(
        "How large is the vector index? Bytes by embedder, now",
        "An embedder's vectors, their share of the table, and its index: at present, whatever the range and filters.",
        Sql(select(columns, "reports.storage()", order="vectors DESC, embedder")),
        units={"table|index": BYTES, "n: .*": NUMBER},
        height=6,
    )
