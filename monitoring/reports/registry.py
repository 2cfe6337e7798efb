"""Which reports there are, with what pages, the API and docs say of their columns. A test holds it against the SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["count", "ratio", "seconds", "usd", "tokens", "score", "bytes", "text", "time", "id", "flag"]
# Every report has steps and groups, stands as it is now, or lists what is in a range.
Shape = Literal["figures", "now", "range"]
DIMENSIONS = ("", "collection", "config", "model")


@dataclass(frozen=True, slots=True)
class Column:
    """A figure. `interval`: the names of the columns with its ends at 95 %; `n`: of the column that it rests on."""

    name: str
    title: str
    unit: Unit
    description: str
    interval: tuple[str, str] | None = None
    n: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A function of the schema `reports` with its columns, less those of time and group."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    groupings: tuple[str, ...] = DIMENSIONS
    extras: tuple[str, ...] = ()
    shape: Shape = "figures"

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _count(name: str, title: str, description: str) -> Column:
    return Column(name, title, "count", description)


def _ends(stem: str, of: str, unit: Unit) -> tuple[Column, Column]:
    return (
        Column(f"{stem}_low", f"{of}, from", unit, "Lower end of the 95 % interval."),
        Column(f"{stem}_high", f"{of}, to", unit, "Upper end of the 95 % interval."),
    )


def _ratio(stem: str, title: str, description: str, n: str) -> tuple[Column, ...]:
    interval = (f"{stem}_low", f"{stem}_high")
    return (
        Column(f"{stem}_ratio", title, "ratio", description, interval, n),
        *_ends(stem, title, "ratio"),
    )


TURNS = Report(
    "turns",
    "Questions",
    "Questions that were asked, and what became of them.",
    (
        _count("turns", "Questions", "All questions, answered or not."),
        _count("answers", "Answers", "Finished, or stopped by the user with the text so far."),
        _count("failed", "Failed", "Ended by an error, or cut off."),
        _count("stopped", "Stopped", "Stopped by the user; they count as answers."),
        _count("interrupted", "Interrupted", "Cut off because the server stopped; they count as failed."),
        _count("unfinished", "Unfinished", "Being answered, or waiting for it."),
        _count("conversations", "Conversations", "Begun: first questions."),
        _count("degraded", "Degraded", "Something was left out or replaced on the way."),
        _count("refusals", "Refusals", "Answers that say that nothing relevant was found."),
        *_ratio("error", "Error rate", "Failed, of all that finished.", "turns"),
        *_ratio("refusal", "Refusal rate", "Refusals, of all answers.", "answers"),
    ),
)

LATENCY = Report(
    "latency",
    "Latency",
    "How long answers and their stages take, from histograms: a quantile is at most 5 % off.",
    (
        _count("n", "Timed", "Turns whose time is known."),
        Column("mean_seconds", "Mean", "seconds", "The mean.", None, "n"),
        Column("p50_seconds", "p50", "seconds", "Half of them take no longer.", None, "n"),
        Column("p95_seconds", "p95", "seconds", "95 of 100 take no longer.", None, "n"),
        Column("p99_seconds", "p99", "seconds", "99 of 100 take no longer.", None, "n"),
    ),
    (*DIMENSIONS, "measure"),
    ("measure",),
)
MEASURES = ("total", "first_token", "rewrite", "expand", "embed", "search", "rerank", "context")

CALLS = Report(
    "calls",
    "Model calls",
    "Calls of models with tokens and cost, at the time of the call; a model filters the call's.",
    (
        _count("calls", "Calls", "Requests to models."),
        _count("failed_calls", "Failed calls", "Those that ended in an error."),
        _count("attempts", "Attempts", "With those that were tried again."),
        Column("input_tokens", "Input tokens", "tokens", "Cached ones are part of them."),
        Column("cached_input_tokens", "Cached input tokens", "tokens", "Part of the input tokens."),
        Column("output_tokens", "Output tokens", "tokens", "Reasoning is part of them."),
        Column("reasoning_tokens", "Reasoning tokens", "tokens", "Part of the output tokens."),
        _count("unknown_token_calls", "Calls without tokens", "Nobody counted their tokens: left out of the sums."),
        _count("estimated_token_calls", "Calls with estimated tokens", "The server did not count them."),
        Column(
            "cost_usd", "Cost", "usd", "Of all calls whose cost is known, exact or estimated. Empty: of none it is."
        ),
        Column("exact_usd", "Exact cost", "usd", "Tokens counted by the server, price known."),
        Column("estimated_usd", "Estimated cost", "usd", "Tokens estimated, price known."),
        _count("unknown_cost_calls", "Calls of unknown cost", "They are in no sum."),
        Column("duration_seconds", "Duration", "seconds", "Of all calls, summed."),
    ),
    (*DIMENSIONS, "purpose"),
    ("purpose",),
)

ANSWER_COST = Report(
    "answer_cost",
    "Cost of answers",
    "What answers cost, with all calls made for them, at the time of the question.",
    (
        _count("answers", "Answers", "Finished, or stopped by the user."),
        _count("known", "Answers of known cost", "Whose calls all have a cost."),
        Column("cost_usd", "Cost", "usd", "Of the answers whose cost is known. Empty: of none it is."),
        Column(
            "usd_per_answer",
            "Cost per answer",
            "usd",
            "Mean of the answers whose cost is known.",
            ("usd_per_answer_low", "usd_per_answer_high"),
            "known",
        ),
        *_ends("usd_per_answer", "Cost per answer", "usd"),
        _count("up", "Thumbs up", "Votes."),
        Column(
            "usd_per_up", "Cost per thumbs-up", "usd", "Empty as long as the cost of an answer is unknown.", None, "up"
        ),
    ),
)

FEEDBACK = Report(
    "feedback",
    "Feedback",
    "What users say of answers, at the time of the question.",
    (
        _count("answers", "Answers", "Finished, or stopped by the user."),
        _count("up", "Thumbs up", "Votes."),
        _count("down", "Thumbs down", "Votes."),
        _count("rated", "Rated", "Turns with a vote."),
        _count("comments", "Comments", "Votes with words."),
        _count("copies", "Copied", "How often an answer was copied."),
        _count("regenerated", "Regenerated", "How often another answer was asked for."),
        *_ratio("up", "Thumbs-up rate", "Thumbs up, of all votes.", "rated"),
        *_ratio("coverage", "Feedback coverage", "Answers with a vote, of all answers.", "answers"),
    ),
)

SCORES = Report(
    "scores",
    "Scores",
    "Verdicts by criterion and version of the judge, at the time of the question.",
    (
        Column("name", "Criterion", "text", "What was judged."),
        Column("source", "Source", "text", "Who judged: JUDGE, REVIEWER, CODE or API."),
        Column("judge", "Judge", "text", "Empty: no judge."),
        Column("judge_version_id", "Version of the judge", "id", "0: no judge."),
        Column("is_proven", "Proven", "flag", "Whether people have shown that the judge agrees with them."),
        _count("scored", "Scored", "Verdicts with a value."),
        _count("unscored", "Unscored", "Without: they are no zeros, and in no mean."),
        Column("mean", "Mean score", "score", "0 to 1, larger is better.", ("mean_low", "mean_high"), "scored"),
        *_ends("mean", "Mean score", "score"),
        _count("failing", "Failing", "Labels that say that something is wrong. Empty: the criterion has none."),
        *_ratio("failing", "Failing rate", "Failing, of all scored.", "scored"),
        *_ratio("corrected", "Corrected failing rate", "If the judge never erred; empty: not known.", "scored"),
    ),
    (*DIMENSIONS, "label", "bin"),
    ("name", "source"),
)

RETRIEVAL = Report(
    "retrieval",
    "Retrieval",
    "What searches find, and what answers cite of it.",
    (
        _count("answers", "Answers", "Finished, or stopped by the user."),
        _count("searched", "Searches", "Turns that were searched for."),
        _count("hits", "Hits", "Chunks that were found."),
        _count("empty", "Empty searches", "Searches without a hit."),
        *_ratio("empty", "Empty searches", "Searches without a hit, of all searches.", "searched"),
        _count("similarity_count", "Searches by meaning", "Searches whose best hit has a similarity."),
        Column(
            "mean_top_similarity",
            "Similarity of the best hit",
            "score",
            "Mean cosine, -1 to 1.",
            None,
            "similarity_count",
        ),
        _count("cited", "Answers that cite", "Answers with one citation or more."),
        *_ratio("cited", "Answers that cite", "Of all answers.", "answers"),
        _count("citations", "Cited hits", "Hits that an answer cites."),
        _count("removed_citations", "Removed citations", "Citations of hits that do not exist."),
    ),
)

REVIEW_QUEUE = Report(
    "review_queue",
    "Review queue",
    "Conversations that wait for a reviewer, as it stands.",
    (
        _count("waiting", "Waiting", "Open, or in review."),
        _count("in_review", "In review", "A reviewer works on it, or one of two has decided."),
        Column("oldest_seconds", "Oldest", "seconds", "How long the oldest waits. Empty: none waits."),
    ),
    ("",),
    shape="now",
)

REVIEWS = Report(
    "reviews",
    "Reviews",
    "Flags that were raised and conversations that were reviewed, each at its own time.",
    (
        _count("flagged", "Flags", "Reasons why a turn needs a person."),
        _count("resolved", "Resolved", "Conversations that were reviewed; with no filter but the origin."),
        _count("dismissed", "Dismissed", "Conversations that were flagged for no reason; likewise."),
    ),
    (*DIMENSIONS, "reason"),
)

EVALUATION_SCORES = Report(
    "evaluation_scores",
    "Evaluation runs",
    "Finished runs with the mean of each measure.",
    (
        Column("run_id", "Run", "id", "Its number."),
        Column("at", "Started", "time", "When it was ordered."),
        Column("dataset", "Dataset", "text", "Its questions."),
        Column("config", "Config", "text", "What answered."),
        Column("measure", "Measure", "text", "What was measured."),
        _count("n", "Scored", "Items with a value."),
        _count("unscored", "Unscored", "Items without."),
        Column("mean", "Mean", "score", "0 to 1.", ("mean_low", "mean_high"), "n"),
        *_ends("mean", "Mean", "score"),
    ),
    ("",),
    shape="range",
)

EXPERIMENTS = Report(
    "experiments",
    "Experiments",
    "What was known of each experiment at its last look: each KPI of each variant against the control, in the KPI's own"
    " unit.",
    (
        Column("experiment_id", "Experiment", "id", "Its number."),
        Column("at", "Looked at", "time", "When this was known."),
        Column("experiment", "Experiment", "text", "Its name."),
        Column("status", "Status", "text", "RUNNING, STOPPED or CONCLUDED."),
        Column("origin", "Origin", "text", "Whose questions count."),
        Column("variant", "Variant", "text", "What is compared with the control."),
        Column("kpi", "KPI", "text", "What is compared."),
        Column("role", "Role", "text", "primary: it decides; guardrail: it must not get worse; secondary."),
        _count("units", "Units", "Users or conversations of both with something to count."),
        Column("control", "Control", "score", "The control's figure.", None, "units"),
        Column("value", "Value", "score", "The variant's figure.", None, "units"),
        Column("difference", "Difference", "score", "Variant less control.", ("low", "high"), "units"),
        Column("low", "Difference, from", "score", "Lower end of the interval that holds at all looks."),
        Column("high", "Difference, to", "score", "Upper end of the interval that holds at all looks."),
        Column("fixed_low", "One look, from", "score", "Lower end of the interval for who looks once."),
        Column("fixed_high", "One look, to", "score", "Upper end of the interval for who looks once."),
    ),
    ("",),
    shape="range",
)

STORAGE = Report(
    "storage",
    "Storage of vectors",
    "What the vectors of each embedder take on disk.",
    (
        Column("embedder", "Embedder", "text", "Its name."),
        _count("dimensions", "Dimensions", "Numbers of a vector."),
        _count("vectors", "Vectors", "Chunks that are embedded."),
        Column("table_bytes", "Table", "bytes", "Its part of the table, by the number of vectors."),
        Column("index_bytes", "Index", "bytes", "Its own index."),
    ),
    ("",),
    shape="now",
)

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (
        TURNS,
        LATENCY,
        CALLS,
        ANSWER_COST,
        FEEDBACK,
        SCORES,
        RETRIEVAL,
        REVIEW_QUEUE,
        REVIEWS,
        EVALUATION_SCORES,
        EXPERIMENTS,
        STORAGE,
    )
}
