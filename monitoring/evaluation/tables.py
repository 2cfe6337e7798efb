"""Figures as text: for a terminal in columns, for a report in Markdown. Each mean with its interval."""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.report import RunSummary
from monitoring.evaluation.results import in_order
from monitoring.statistics.comparison import Comparison
from monitoring.statistics.intervals import Interval

Row = Sequence[str]


def text_table(rows: Sequence[Row]) -> str:
    """Return rows in columns, the first row as headings."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])


def markdown_table(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown, the first row as headings."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


def with_interval(interval: Interval | None, *, sign: str = "") -> str:
    """Return "0.912 [0.894, 0.928]"; without an interval the mean alone, without a mean a dash. `sign`: "+" for
    differences."""
    if interval is None:
        return "-"
    if interval.low is None or interval.high is None:
        return f"{interval.value:{sign}.3f} [no interval]"
    return f"{interval.value:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def summary_rows(summaries: Sequence[RunSummary]) -> list[Row]:
    """Return a table of runs: measures down, configs across, then how many items are behind them and the time."""
    names = in_order({name for summary in summaries for name in summary.measures})
    rows: list[Row] = [["", *(str(summary.run.config) for summary in summaries)]]
    for name in names:
        measures = [summary.measures.get(name) for summary in summaries]
        rows.append([name, *(with_interval(measure.interval) if measure else "-" for measure in measures)])
    rows.append(["n", *(_scored(summary) for summary in summaries)])
    if any(measure.unscored for summary in summaries for measure in summary.measures.values()):
        rows.append(["unscored", *(_unscored(summary) for summary in summaries)])
    if any(summary.failed for summary in summaries):
        rows.append(["failed", *(str(summary.failed) for summary in summaries)])
    rows.append(["seconds", *(f"{summary.run.duration_seconds or 0:.1f}" for summary in summaries)])
    if any(summary.run.kind == "ANSWER" for summary in summaries):
        rows.append(["cost (USD)", *(_dollars(summary) for summary in summaries)])
    rows.append(["run", *(str(summary.run.pk) for summary in summaries)])
    return rows


def comparison_rows(measures: Mapping[str, Comparison]) -> list[Row]:
    """Return a table of a candidate against the baseline, a measure a row."""
    rows: list[Row] = [
        ["measure", "baseline", "candidate", "difference", "p (corrected)", "won/lost/tied", "noise floor", "outcome"]
    ]
    for name, measure in measures.items():
        paired = measure.paired
        rows.append(
            [
                name,
                f"{paired.baseline:.3f}",
                f"{paired.candidate:.3f}",
                with_interval(paired.difference, sign="+"),
                p_value(measure.corrected_p_value),
                f"{paired.won}/{paired.lost}/{paired.tied}",
                "not measured" if measure.noise_floor is None else f"{measure.noise_floor:.3f}",
                measure.outcome,
            ]
        )
    return rows


def p_value(value: float) -> str:
    """Return a p-value; below what anyone needs to know, that it is below."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _scored(summary: RunSummary) -> str:
    """How many items are scored: a number, or a range where measures differ."""
    counts = [measure.interval.n if measure.interval else 0 for measure in summary.measures.values()]
    if not counts:
        return "0"
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _unscored(summary: RunSummary) -> str:
    counts = [measure.unscored for measure in summary.measures.values()] or [0]
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _dollars(summary: RunSummary) -> str:
    return "unknown" if summary.cost_usd is None else f"{summary.cost_usd:.4f}"
