"""A chart as a table, for those who read rather than look, and as CSV, for those who go on with it elsewhere."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from monitoring.dashboard.choice import Choice, iso
from monitoring.dashboard.drawing import measured
from monitoring.dashboard.panels import Panel
from monitoring.dashboard.period import Step
from monitoring.dashboard.tables import Cell
from monitoring.dashboard.words import interval, spoken_step, written


@dataclass(frozen=True, slots=True)
class StepRow:
    name: str
    url: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class StepTable:
    """A row a step, the latest first; a column a series."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[StepRow, ...]


def step_table(panel: Panel, choice: Choice, steps: tuple[Step, ...]) -> StepTable:
    """Return all that the chart shows."""
    rows = [
        StepRow(
            spoken_step(step, choice.period),
            choice.turns_url(step, **panel.link),
            tuple(_cells(panel, choice, number, step)),
        )
        for number, step in enumerate(steps)
    ]
    return StepTable(panel.title, tuple(series.name for series in panel.series), tuple(reversed(rows)))


def _cells(panel: Panel, choice: Choice, number: int, step: Step) -> Iterator[Cell]:
    for series in panel.series:
        value = series.values[number]
        n = int(series.ns[number] or 0) if series.ns else None
        url = choice.turns_url(step, **series.link) if series.link and value else ""
        yield Cell(written(value, panel.unit), interval(measured(series, number), panel.unit), n, url=url)


def csv_text(panel: Panel, steps: tuple[Step, ...]) -> str:
    """Return the figures of a chart with intervals and n, a line a step, times in UTC; empty fields are unknown. Names
    of columns are the product's own words, never what somebody typed."""
    file = io.StringIO()
    writer = csv.writer(file)
    columns = ["from", "to"]
    for series in panel.series:
        columns.append(f"{series.key}_{panel.unit}")
        columns += [f"{series.key}_low", f"{series.key}_high"] if series.lows else []
        columns += [f"{series.key}_n"] if series.ns else []
    writer.writerow(columns)
    for number, step in enumerate(steps):
        row: list[object] = [iso(step.begin), iso(step.end)]
        for series in panel.series:
            row += [values[number] for values in (series.values, series.lows, series.highs, series.ns) if values]
        writer.writerow(row)
    return file.getvalue()
