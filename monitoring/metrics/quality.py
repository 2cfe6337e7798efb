"""Whether the answers are any good, over the last hour and day: votes, verdicts, refusals, empty searches, cost.

Gauges, since a vote may be taken back and a verdict may come late. Each rate has its n and its 95 % interval beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import Metric

from monitoring.metrics.families import Labels, gauge
from monitoring.metrics.windows import Window, windows

Row = Mapping[str, Any]
Rows = Sequence[tuple[Window, Row]]

# metric, report, stem of its columns, the column it rests on, text
RATES = (
    ("ragsite_error", "turns", "error", "finished", "Finished questions that got no answer."),
    ("ragsite_refusal", "turns", "refusal", "answers", "Answers that say that nothing was found."),
    ("ragsite_feedback_up", "feedback", "up", "votes", "Votes that are thumbs up, of all votes."),
    ("ragsite_feedback_coverage", "feedback", "coverage", "answers", "Answers with a vote, of all answers."),
    ("ragsite_search_empty", "retrieval", "empty", "searched", "Searches that found nothing."),
    ("ragsite_answer_cited", "retrieval", "cited", "answers", "Answers that cite a hit."),
)


def collect() -> Iterator[Metric]:
    ranges = list(windows())
    rows: dict[str, Rows] = {
        report: [(window, _with_n(row)) for window in ranges for row in window.read(report)]
        for report in ("turns", "feedback", "retrieval", "answer_cost", "scores")
    }
    for name, report, stem, n, text in RATES:
        yield from _rate(name, text, [(window.labels, row) for window, row in rows[report]], stem, n)
    yield gauge(
        "ragsite_feedback_votes",
        "Votes on the answers to questions of that time.",
        (
            ({**window.labels, "value": value}, row[value])
            for window, row in rows["feedback"]
            for value in ("up", "down")
        ),
    )
    yield gauge(
        "ragsite_usd_per_answer",
        "Dollars for an answer, in the mean of those whose cost is known.",
        ((window.labels, row["usd_per_answer"]) for window, row in rows["answer_cost"]),
    )
    yield from _scores(rows["scores"])


def _with_n(row: Row) -> Row:
    """Return a row with what some rates rest on, which reports have in two columns."""
    if "unfinished" in row:
        return {**row, "finished": row["turns"] - row["unfinished"]}
    if "coverage_ratio" in row:
        return {**row, "votes": row["up"] + row["down"]}
    return row


def _rate(name: str, text: str, rows: Sequence[tuple[Labels, Row]], stem: str, n: str) -> Iterator[Metric]:
    yield gauge(f"{name}_ratio", text, ((labels, row[f"{stem}_ratio"]) for labels, row in rows))
    yield gauge(
        f"{name}_ratio_low", f"{text} Lower end at 95 %.", ((labels, row[f"{stem}_low"]) for labels, row in rows)
    )
    yield gauge(
        f"{name}_ratio_high", f"{text} Upper end at 95 %.", ((labels, row[f"{stem}_high"]) for labels, row in rows)
    )
    yield gauge(f"{name}_ratio_n", f"{text} What the rate is of.", ((labels, row[n]) for labels, row in rows))


def _scores(found: Rows) -> Iterator[Metric]:
    rows = [
        (
            {
                **window.labels,
                "name": row["name"],
                "judge": row["judge"],
                "judge_version": str(row["judge_version_id"]),
                "proven": str(bool(row["is_proven"])).lower(),
            },
            row,
        )
        for window, row in found
    ]
    yield gauge("ragsite_score_scored", "Verdicts with a value.", ((labels, row["scored"]) for labels, row in rows))
    yield gauge("ragsite_score_unscored", "Verdicts without.", ((labels, row["unscored"]) for labels, row in rows))
    yield gauge("ragsite_score_mean", "Mean of verdicts, 0 to 1.", ((labels, row["mean"]) for labels, row in rows))
    yield gauge("ragsite_score_mean_low", "Its lower end at 95 %.", ((labels, row["mean_low"]) for labels, row in rows))
    yield gauge(
        "ragsite_score_mean_high", "Its upper end at 95 %.", ((labels, row["mean_high"]) for labels, row in rows)
    )
    yield from _rate("ragsite_score_failing", "Verdicts that say that something is wrong.", rows, "failing", "scored")
    yield gauge(
        "ragsite_score_corrected_ratio",
        "The same, corrected by how the judge is known to err.",
        ((labels, row["corrected_ratio"]) for labels, row in rows),
    )
