"""The tables of the dashboard: what was asked most and how that went, and what judges said."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from chat.services.turn_choices import NO_MODEL
from monitoring.dashboard.changes import Measured
from monitoring.dashboard.judged import busiest_judge, rows_of_judge
from monitoring.dashboard.panels import PURPOSES, criterion_title
from monitoring.dashboard.reading import Reader, Row, ratio
from monitoring.dashboard.spent import spent_usd
from monitoring.dashboard.words import NOTHING, interval, written

Group = Literal["collection", "config", "model"]
MOST_ROWS = 8
BINS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """A value with its interval and n below, `of`: how many there are where n is not all; `url` leads to the turns that
    it counts, `column` is what it is."""

    text: str
    interval: str = ""
    n: int | None = None
    of: int | None = None
    url: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One collection, config or model; `share_percent` is its part of the turns of all, 0 to 100."""

    name: str
    url: str
    share_percent: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The most used of a kind; `left_out` is how many more there are."""

    title: str
    rows: tuple[GroupRow, ...]
    left_out: int


COLUMNS = ("Turns", "Failed", "Thumbs up", "Not grounded", "p95", "Cost of an answer")
GROUPS: dict[Group, str] = {"config": "Pipeline configs", "collection": "Collections", "model": "Models"}


def group_table(reader: Reader, group: Group) -> GroupTable:
    """Compare the collections, configs or models of the period: five queries, and the one of the table of judges."""
    turns = sorted(
        (row for row in reader.rows("turns", by=group) if row["turns"]), key=lambda row: (-row["turns"], row["label"])
    )
    total = sum(row["turns"] for row in turns)
    feedback, costs = _by_key(reader.rows("feedback", by=group)), _by_key(reader.rows("answer_cost", by=group))
    times = _by_key(reader.rows("latency", by=group, measure="total"))
    judge = busiest_judge(reader, "groundedness")
    judged = _by_key(rows_of_judge(reader.rows("scores", by=group), judge)) if judge else {}
    rows = []
    for row in turns[:MOST_ROWS]:
        key = row["key"]
        chosen = {group: key or NO_MODEL}
        url = reader.choice.turns_url(**chosen)
        cells = (
            Cell(written(row["turns"], "count"), url=url),
            _rate(ratio(row, "error", row["answers"] + row["failed"]), reader, outcome="failed", **chosen),
            _rate(_votes(feedback.get(key)), reader, vote="down", **chosen),
            _ungrounded(judged.get(key), judge, reader, failing="groundedness", **chosen),
            _time(times.get(key)),
            _cost(costs.get(key)),
        )
        named = tuple(replace(cell, column=name) for cell, name in zip(cells, COLUMNS, strict=True))
        rows.append(GroupRow(row["label"] or NO_MODEL, url, 100 * row["turns"] / total, named))
    return GroupTable(GROUPS[group], tuple(rows), max(len(turns) - MOST_ROWS, 0))


def _by_key(rows: Iterable[Row]) -> dict[Any, Row]:
    return {row["key"]: row for row in rows}


def _votes(row: Row | None) -> Measured:
    return ratio(row, "up", row["up"] + row["down"]) if row else Measured(None)


def _ungrounded(row: Row | None, judge: Row | None, reader: Reader, **link: Any) -> Cell:
    """All rows are by one judge; where it said nothing, another may have, which cannot be compared."""
    if row is None:
        return Cell(NOTHING, n=0 if judge else None)
    return _rate(ratio(row, "failing", row["scored"]), reader, **link)


def _rate(measured: Measured, reader: Reader, **link: Any) -> Cell:
    if measured.value is None:
        return Cell(NOTHING)
    url = reader.choice.turns_url(**link)
    return Cell(written(measured.value, "ratio"), interval(measured, "ratio"), measured.n, url=url)


def _time(row: Row | None) -> Cell:
    return Cell(written(row["p95_seconds"], "seconds"), n=row["n"]) if row and row["n"] else Cell(NOTHING)


def _cost(row: Row | None) -> Cell:
    if not row or not row["answers"]:
        return Cell(NOTHING)
    of = row["answers"] if row["known"] < row["answers"] else None
    ends = Measured(None, row["usd_per_answer_low"], row["usd_per_answer_high"])
    return Cell(written(row["usd_per_answer"], "usd"), interval(ends, "usd"), row["known"], of)


@dataclass(frozen=True, slots=True)
class PurposeRow:
    """What calls of one purpose cost; `share_percent` of the known cost of all, 0 to 100."""

    name: str
    calls: int
    cost: str
    share_percent: float
    tokens: str
    notes: tuple[str, ...]


def purpose_rows(reader: Reader) -> list[PurposeRow]:
    """Return what each purpose cost in the period, the dearest first: one query."""
    rows = sorted(reader.rows("calls", by="purpose"), key=lambda row: (-(row["cost_usd"] or 0), row["key"]))
    total = sum(row["cost_usd"] or 0 for row in rows)
    return [
        PurposeRow(
            name=PURPOSES.get(row["key"]) or str(row["key"]),
            calls=row["calls"],
            cost=written(spent_usd(row), "usd"),
            share_percent=float(100 * (row["cost_usd"] or 0) / total) if total else 0.0,
            tokens=_tokens(row),
            notes=tuple(_unsure(row)),
        )
        for row in rows
        if row["calls"]
    ]


def _tokens(row: Row) -> str:
    into, out = (written(row[name], "count") for name in ("input_tokens", "output_tokens"))
    return f"{into} in, {out} out"


def _unsure(row: Row) -> list[str]:
    notes = []
    if row["estimated_usd"]:
        notes.append(f"{written(row['estimated_usd'], 'usd')} estimated")
    if row["unknown_cost_calls"]:
        notes.append(f"{row['unknown_cost_calls']:,} of unknown cost")
    if row["failed_calls"]:
        notes.append(f"{row['failed_calls']:,} failed")
    return notes


@dataclass(frozen=True, slots=True)
class ScoreBar:
    """How many values are in a tenth of the scale, and its place on a canvas of 0 to 100."""

    label: str
    count: int
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What one judge said of one criterion in the period."""

    criterion: str
    judge: str
    is_proven: bool
    judge_version_id: int | None
    mean: Cell
    unscored: int
    failing: Cell
    corrected: str
    bars: tuple[ScoreBar, ...]


def score_rows(reader: Reader) -> list[ScoreRow]:
    """Return all judges that looked at turns of the period, with how their scores are distributed: two queries."""
    bins: dict[tuple[Any, Any], dict[int, int]] = {}
    for row in reader.rows("scores", by="bin"):
        counts = bins.setdefault((row["name"], row["judge_version_id"]), {})
        if row["scored"]:
            counts[int(row["key"])] = row["scored"]
    rows = [row for row in reader.rows("scores") if row["scored"] or row["unscored"]]
    rows.sort(key=lambda row: (criterion_title(row["name"]), -row["scored"]))
    return [_score_row(reader, row, bins.get((row["name"], row["judge_version_id"]), {})) for row in rows]


def _score_row(reader: Reader, row: Row, counts: dict[int, int]) -> ScoreRow:
    mean = Measured(row["mean"], row["mean_low"], row["mean_high"], row["scored"])
    most = max(counts.values(), default=0) or 1
    return ScoreRow(
        criterion=criterion_title(row["name"]),
        judge=row["judge"],
        is_proven=row["is_proven"],
        judge_version_id=row["judge_version_id"],
        mean=Cell(written(row["mean"], "score"), interval(mean, "score"), row["scored"]),
        unscored=row["unscored"],
        failing=_rate(ratio(row, "failing", row["scored"]), reader, failing=row["name"]),
        corrected=written(row["corrected_ratio"], "ratio"),
        bars=tuple(_score_bar(number, counts.get(number, 0), most) for number in range(BINS)),
    )


def _score_bar(number: int, count: int, most: int) -> ScoreBar:
    height = 100 * count / most
    return ScoreBar(f"{number / BINS:g} to {(number + 1) / BINS:g}", count, 10 * number, 100 - height, height)
