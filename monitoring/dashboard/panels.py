"""The charts of the dashboard as numbers: for each what is drawn a step, with n and intervals where there are any."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from monitoring.dashboard.reading import Reader, Row
from monitoring.dashboard.words import Number, Unit
from monitoring.judges.criteria import CRITERIA

Values = tuple[Number | None, ...]
MOST_LINES = 5  # of scores, or nobody can tell them apart

PURPOSES = {
    "answer": "Answers",
    "rewrite": "Rewriting questions",
    "rerank": "Re-ranking",
    "embedding": "Embedding",
    "judge": "Judges",
    "question": "Writing test questions",
}
TONES = ("one", "two", "three", "four", "five", "six")


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of bars, or one line: a value a step, None where it is unknown. `link` narrows the list of turns down to
    those that it counts."""

    key: str
    name: str
    tone: str
    values: Values
    lows: Values = ()
    highs: Values = ()
    ns: Values = ()
    link: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart. Bars stand on each other; `of` says what n counts; `link` is what all its series have in common."""

    key: str
    title: str
    about: str
    kind: Literal["bars", "lines"]
    unit: Unit
    series: tuple[Series, ...]
    of: str = ""
    nothing: str = "Nothing in this time."
    link: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> tuple[Series, ...]:
        """The series that are to be seen: a bar of nothing is not, a line at zero is."""
        if self.kind == "bars":
            return tuple(series for series in self.series if any(series.values))
        return tuple(series for series in self.series if any(value is not None for value in series.values))

    @property
    def is_empty(self) -> bool:
        if self.kind == "bars":
            return not any(value for series in self.series for value in series.values)
        return all(value is None for series in self.series for value in series.values)


def turns_panel(reader: Reader) -> Panel:
    rows = reader.each_step("turns")

    def series(key: str, name: str, tone: str, values: Values, **link: str) -> Series:
        return Series(key, name, tone, values, link=link)

    answered = tuple(row["answers"] - row["refusals"] if row else None for row in rows)
    return Panel(
        key="turns",
        title="Turns",
        about="Questions by what became of them. Refusals are answers that say that nothing relevant was found.",
        kind="bars",
        unit="count",
        series=(
            series("answered", "answered", "one", answered),
            series("refused", "refused", "two", _column(rows, "refusals"), outcome="refused"),
            series("failed", "failed", "bad", _column(rows, "failed"), outcome="failed"),
            series("unfinished", "unfinished", "quiet", _column(rows, "unfinished"), outcome="unfinished"),
        ),
        nothing="Nothing was asked in this time.",
    )


def errors_panel(reader: Reader) -> Panel:
    rows = reader.each_step("turns")
    finished = tuple(row["answers"] + row["failed"] if row else None for row in rows)
    return Panel(
        key="errors",
        title="Share of failed turns",
        about="Of the finished turns, those that ended with an error or were interrupted, with the 95 % interval.",
        kind="lines",
        unit="ratio",
        series=(_rate_series("failed", "failed", "bad", rows, "error", finished),),
        of="finished turns",
        nothing="No turn was finished in this time.",
        link={"outcome": "failed"},
    )


def latency_panel(reader: Reader) -> Panel:
    def series(key: str, name: str, tone: str, measure: str, column: str) -> Series:
        rows = reader.each_step("latency", measure=measure)
        return Series(key, name, tone, _column(rows, column), ns=_column(rows, "n"))

    return Panel(
        key="latency",
        title="Time to answer",
        about="Half of the answers (p50) and 95 of 100 (p95) were complete, or began, within this time.",
        kind="lines",
        unit="seconds",
        series=(
            series("p95", "whole answer, p95", "two", "total", "p95_seconds"),
            series("p50", "whole answer, p50", "one", "total", "p50_seconds"),
            series("first", "first words, p95", "three", "first_token", "p95_seconds"),
        ),
        of="answers",
        nothing="No answer was timed in this time.",
    )


def cost_panel(reader: Reader) -> Panel:
    by_purpose = reader.by_step("calls", by="purpose", key=lambda row: row["key"])
    return Panel(
        key="cost",
        title="Cost by purpose",
        about="Of the calls of models made in the step, by what they were for. Calls of unknown cost are not in it.",
        kind="bars",
        unit="usd",
        series=tuple(
            Series(purpose, name, tone, _column(by_purpose[purpose], "cost_usd"))
            for (purpose, name), tone in zip(PURPOSES.items(), TONES, strict=True)
            if purpose in by_purpose
        ),
        nothing="No call of known cost in this time.",
    )


def feedback_panel(reader: Reader) -> Panel:
    rows = reader.each_step("feedback")
    return Panel(
        key="feedback",
        title="Votes",
        about="Thumbs up and down on the turns asked in the step, whenever they were given.",
        kind="bars",
        unit="count",
        series=(
            Series("up", "thumbs up", "good", _column(rows, "up"), link={"vote": "up"}),
            Series("down", "thumbs down", "bad", _column(rows, "down"), link={"vote": "down"}),
        ),
        nothing="Nobody voted on the answers of this time.",
    )


def thumbs_panel(reader: Reader) -> Panel:
    rows = reader.each_step("feedback")
    votes = tuple(row["up"] + row["down"] if row else None for row in rows)
    return Panel(
        key="thumbs",
        title="Share of thumbs up",
        about="Of the votes on the turns asked in the step, with the 95 % interval.",
        kind="lines",
        unit="ratio",
        series=(_rate_series("up", "thumbs up", "good", rows, "up", votes),),
        of="votes",
        nothing="Nobody voted on the answers of this time.",
        link={"vote": "up"},
    )


def scores_panel(reader: Reader) -> Panel:
    """Of each criterion the judge version with the most verdicts, in the order of the criteria."""
    by_judge = reader.by_step("scores", key=lambda row: (row["name"], row["judge_version_id"]))
    weights = {key: sum(row.get("scored") or 0 for row in rows) for key, rows in by_judge.items()}
    chosen: dict[str, Any] = {}
    for key in sorted(by_judge, key=lambda key: -weights[key]):
        if weights[key]:
            chosen.setdefault(key[0], key)
    order = [name for name in CRITERIA if name in chosen] + sorted(set(chosen) - set(CRITERIA))
    series = tuple(
        Series(
            name,
            criterion_title(name),
            tone,
            _column(by_judge[chosen[name]], "mean"),
            _column(by_judge[chosen[name]], "mean_low"),
            _column(by_judge[chosen[name]], "mean_high"),
            _column(by_judge[chosen[name]], "scored"),
        )
        for name, tone in zip(order[:MOST_LINES], TONES, strict=False)
    )
    return Panel(
        key="scores",
        title="Scores by judges",
        about="The mean of each criterion, 0 to 1, more is better; by the judge with the most verdicts.",
        kind="lines",
        unit="score",
        series=series,
        of="verdicts",
        nothing="No turn of this time was judged. Judge rules say which turns are.",
    )


def retrieval_panel(reader: Reader) -> Panel:
    rows = reader.each_step("retrieval")
    searched = _column(rows, "searched")
    return Panel(
        key="retrieval",
        title="Share of searches without a hit",
        about="Of the turns that were searched, those for which nothing was found, with the 95 % interval.",
        kind="lines",
        unit="ratio",
        series=(_rate_series("empty", "without a hit", "two", rows, "empty", searched),),
        of="searches",
        nothing="Nothing was searched in this time.",
        link={"outcome": "empty"},
    )


PANELS: Mapping[str, Callable[[Reader], Panel]] = {
    "turns": turns_panel,
    "errors": errors_panel,
    "latency": latency_panel,
    "cost": cost_panel,
    "feedback": feedback_panel,
    "thumbs": thumbs_panel,
    "scores": scores_panel,
    "retrieval": retrieval_panel,
}


def criterion_title(name: str) -> str:
    """Return a criterion as people read it: "Context relevance"."""
    return CRITERIA[name].title if name in CRITERIA else name.replace("_", " ").capitalize()


def _column(rows: list[Row], name: str) -> Values:
    return tuple(row.get(name) for row in rows)


def _rate_series(key: str, name: str, tone: str, rows: list[Row], rate: str, ns: Values) -> Series:
    values, lows, highs = (_column(rows, f"{rate}_{end}") for end in ("ratio", "low", "high"))
    return Series(key, name, tone, values, lows, highs, ns)
