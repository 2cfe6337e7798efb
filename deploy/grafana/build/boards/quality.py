"""Quality: are answers right, is the right text found, and how sure is that?"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build.board import board
from deploy.grafana.build.links import REVIEWS, turns, turns_from_point
from deploy.grafana.build.panels import (
    AMOUNT,
    BAD,
    COUNT,
    GOOD,
    HIGH,
    LOW,
    NUMBER,
    OTHER,
    RATIO,
    SECONDS,
    WARN,
    PanelBuilder,
    bars,
    figure,
    lines,
    rows,
)
from deploy.grafana.build.sql import Sql, call, number_interval, percent_interval, select

SCORED = (
    "From 0 (bad) to 1 (good), by the judge version with the most scores in the range. Scores count at the time of "
    "their question; an answer without a score is not counted as bad."
)
# A judge that was changed is another version, and two versions are two series.
SERIES = "name || ', ' || judge || ' #' || judge_version_id"


def quality() -> Dashboard:
    return board(
        "ragsite-quality",
        "ragsite: Quality",
        "What judges and reviewers say of the answers, and how good search is.",
        {
            "At a glance": [
                _mean("groundedness", "Groundedness, mean (0 to 1)", "Is what the answer says written in the hits?"),
                _mean("relevance", "Relevance, mean (0 to 1)", "Does the answer answer the question?"),
                _refusals(),
                _review_queue(),
            ],
            "Scores": [_by_judge(), _groundedness(), _failing(), _scored(), _distribution(), _labels()],
            "Search": [_empty(), _similarity(), _cited()],
            "Reviews": [_reviews()],
        },
    )


def _mean(criterion: str, title: str, question: str) -> PanelBuilder:
    columns = {
        "mean": "mean",
        "95 % interval": number_interval("mean_low", "mean_high"),
        "n: scored answers": "scored",
    }
    return figure(
        title,
        f"{question} {SCORED}",
        Sql(select(columns, call("scores", name=criterion), order="scored DESC, judge_version_id DESC", limit=1)),
        unit=NUMBER,
        url=turns(failing=criterion),
    )


def _refusals() -> PanelBuilder:
    columns = {
        "refusals": "refusal_ratio",
        "95 % interval": percent_interval("refusal_low", "refusal_high"),
        "n: answers": "answers",
    }
    return figure(
        "Refusals, share of answers",
        "Answers that say that nothing was found. Neither good nor bad by itself: a right refusal is right.",
        Sql(select(columns, call("turns"))),
        unit=RATIO,
        url=turns(outcome="refused"),
    )


def _review_queue() -> PanelBuilder:
    columns = {"oldest waits since": "oldest_seconds", "n: waiting": "waiting", "n: in review": "in_review"}
    return figure(
        "How long does a flagged conversation wait for a reviewer? Seconds, now",
        "What waits in the review queue at present, whatever the range and the filters.",
        Sql(select(columns, "reports.review_queue()")),
        unit=SECONDS,
        url=REVIEWS,
    )


def _by_judge() -> PanelBuilder:
    columns = {
        "criterion": "name",
        "judge": "judge",
        "version": "judge_version_id",
        "proven": "is_proven",
        "n: scored": "scored",
        "unscored": "unscored",
        "mean": "mean",
        "mean, low": "mean_low",
        "mean, high": "mean_high",
        "failing": "failing_ratio",
        "failing, low": "failing_low",
        "failing, high": "failing_high",
        "corrected": "corrected_ratio",
        "corrected, low": "corrected_low",
        "corrected, high": "corrected_high",
    }
    return rows(
        "What does each judge say of the answers?",
        "Mean and share of failing answers, with 95 % intervals (low, high). Corrected: the share that would fail if "
        "the judge never erred, by what it and reviewers said of the same answers; unknown where too few labels exist. "
        "Proven: it surely agrees with reviewers better than is asked of a judge.",
        Sql(select(columns, call("scores"), order="name, judge, judge_version_id DESC")),
        units={"(failing|corrected).*": RATIO},
        urls={"failing": ("Show the failing turns", turns(failing="${__data.fields.criterion}"))},
    )


def _groundedness() -> PanelBuilder:
    columns = {"time": "at", "groundedness": "mean", LOW: "mean_low", HIGH: "mean_high", "n: scored": "scored"}
    most = select(
        {"judge_version_id": "judge_version_id"},
        call("scores", name="groundedness"),
        order="scored DESC, judge_version_id DESC",
        limit=1,
    )
    return lines(
        "How grounded are answers? Mean groundedness (0 to 1)",
        f"With its 95 % interval. {SCORED}",
        Sql(
            select(
                columns,
                call("scores", steps=True, name="groundedness"),
                where=f"judge_version_id = (\n{most})",
                order="at",
            )
        ),
        unit=RATIO,
        colours={"groundedness": AMOUNT},
        url=turns_from_point(),
        has_band=True,
    )


def _failing() -> PanelBuilder:
    return lines(
        "Which share of answers fails, by criterion and judge?",
        "Answers with a failing label among those with a score; on how many that rests stands in the next panel.",
        Sql(
            select(
                {"time": "at", "metric": SERIES, "value": "failing_ratio"},
                call("scores", steps=True),
                where="failing_ratio IS NOT NULL",
                order="at, name, judge_version_id",
            ),
            is_long=True,
        ),
        unit=RATIO,
        url=turns_from_point(),
    )


def _scored() -> PanelBuilder:
    return lines(
        "On how many scores does that rest? n by criterion and judge",
        "Scores in each step. Few scores make shares jump.",
        Sql(
            select(
                {"time": "at", "metric": SERIES, "value": "scored"},
                call("scores", steps=True),
                order="at, name, judge_version_id",
            ),
            is_long=True,
        ),
        unit=NUMBER,
        width=24,
    )


def _distribution() -> PanelBuilder:
    return bars(
        "How are groundedness scores distributed? Scores by tenth",
        "Number of scores in each tenth from 0 to 1: a mean of 0.5 may be all halves, or half good and half bad.",
        Sql(
            select(
                {"tenth": "(key::integer / 10.0)::numeric(2, 1)::text || ' and more'", "n: scores": "sum(scored)"},
                call("scores", by="bin", name="groundedness"),
                where="key::integer >= 0\n GROUP BY key",
                order="key",
            )
        ),
        unit=NUMBER,
        width=12,
    )


def _labels() -> PanelBuilder:
    return rows(
        "Which labels do judges give? Scores by label",
        "Number of scores with each label of each criterion.",
        Sql(
            select(
                {"criterion": "name", "judge": "judge", "label": "key", "n: scores": "scored"},
                call("scores", by="label"),
                where="scored > 0",
                order="name, judge, judge_version_id DESC, scored DESC, key",
            )
        ),
        width=12,
        height=8,
    )


def _empty() -> PanelBuilder:
    columns = {"time": "at", "empty": "empty_ratio", LOW: "empty_low", HIGH: "empty_high", "n: searches": "searched"}
    return lines(
        "How often does search find nothing? Share of searches",
        "Searches without a single hit, with the 95 % interval.",
        Sql(select(columns, call("retrieval", steps=True), order="at")),
        unit=RATIO,
        colours={"empty": BAD},
        url=turns_from_point(outcome="empty"),
        has_band=True,
        width=8,
    )


def _similarity() -> PanelBuilder:
    columns = {"time": "at", "similarity": "mean_top_similarity", "n: searches": "similarity_count"}
    return lines(
        "How near is the best hit? Mean cosine similarity",
        "Of the most similar hit of each search by meaning; when it falls, questions leave what documents tell of.",
        Sql(select(columns, call("retrieval", steps=True), order="at")),
        unit=NUMBER,
        colours={"similarity": OTHER},
        width=8,
    )


def _cited() -> PanelBuilder:
    columns = {"time": "at", "citing": "cited_ratio", LOW: "cited_low", HIGH: "cited_high", "n: answers": "answers"}
    return lines(
        "How many answers cite a source? Share of answers",
        "With the 95 % interval. Citations of hits that do not exist are removed before a user sees them.",
        Sql(select(columns, call("retrieval", steps=True), order="at")),
        unit=RATIO,
        colours={"citing": GOOD},
        url=turns_from_point(),
        has_band=True,
        width=8,
    )


def _reviews() -> PanelBuilder:
    columns = {"time": "at", "flagged": "flagged", "resolved": "resolved", "dismissed": "dismissed"}
    return lines(
        "Do reviewers keep up? Flags, and items decided on",
        "Flags that were raised, and items that reviewers resolved or dismissed, in each step. Items are whole "
        "conversations, so they are counted without filters of collection, config and model only.",
        Sql(select(columns, call("reviews", steps=True), order="at")),
        unit=NUMBER,
        colours={"flagged": WARN, "resolved": GOOD, "dismissed": COUNT},
        width=24,
    )
