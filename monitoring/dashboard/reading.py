"""The reports as the dashboard reads them: each once, however many figures rest on it."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from monitoring import reports
from monitoring.dashboard.changes import Measured
from monitoring.dashboard.choice import Choice
from monitoring.dashboard.period import DAY, Step

Row = dict[str, Any]
Steps = dict[Any, list[Row]]  # a row a step, by what it is grouped by


class Reader:
    """What a choice is read through. Each different call is one query; the same call again is none."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._read: dict[tuple[Any, ...], list[Row]] = {}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the period. When days begin is asked of the database, as its server may know newer rules of a
        zone than Python does, or older ones: one query."""
        period = self.choice.period
        if period.step < DAY:
            return period.steps()
        return period.steps_at(reports.steps(self.choice.filters, period.step))

    def rows(
        self, report: str, *, before: bool = False, stepped: bool = False, by: str = "", measure: str = ""
    ) -> list[Row]:
        """Return the rows of a report for the period, or for the one before; `measure` is latency's, by which it is
        grouped where none is named."""
        key = (report, before, stepped, by, measure)
        if key not in self._read:
            filters = self.choice.filters_before if before else self.choice.filters
            step = self.choice.period.step if stepped else None
            extras = {"measure": measure or None} if report == "latency" else {}
            self._read[key] = reports.read(report, filters, step=step, by=by, **extras)
        return self._read[key]

    def total(self, report: str, *, before: bool = False, measure: str = "") -> Row:
        """Return the one row of a report that is not grouped."""
        (row,) = self.rows(report, before=before, measure=measure)
        return row

    def by_step(self, report: str, *, by: str = "", measure: str = "", key: Callable[[Row], Any]) -> Steps:
        """Return for each group of rows one row a step; an empty dictionary stands where there is none."""
        places = {step.at: number for number, step in enumerate(self.steps)}
        found: Steps = {}
        for row in self.rows(report, stepped=True, by=by, measure=measure):
            found.setdefault(key(row), [{} for _ in self.steps])[places[row["at"]]] = row
        return found

    def each_step(self, report: str, *, measure: str = "") -> list[Row]:
        """Return one row a step of a report that is not grouped."""
        return self.by_step(report, measure=measure, key=lambda row: "").get("", [{} for _ in self.steps])


def ratio(row: Row, name: str, n: int | None) -> Measured:
    """Return a rate of a row with its interval, "error" for the columns error_ratio, error_low and error_high."""
    return Measured(row[f"{name}_ratio"], row[f"{name}_low"], row[f"{name}_high"], n)
