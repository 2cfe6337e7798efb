"""The parts of a run's page: rows of measures, tables of slices, the worst items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator

from monitoring.admin import charts
from monitoring.admin.measure_names import measure_description, measure_label
from monitoring.evaluation.report import WorstItem, worst_items
from monitoring.evaluation.results import RunResults
from monitoring.evaluation.slices import Slice
from monitoring.models import EvaluationItem, EvaluationRun
from monitoring.statistics.intervals import Interval

WORST_ON_A_PAGE = 20
SLICES_SHOWN = 8  # of a kind; the others are a click away
WHOLE = charts.Axis(0.0, 1.0)
KINDS = {"tag": "Tag", "section": "Section", "collection": "Collection", "length": "Length of the document"}


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A measure of the run; `interval` is None where nothing is scored."""

    name: str
    label: str
    description: str
    interval: Interval | None
    reasons: tuple[tuple[str, int], ...]  # why items are unscored, the most frequent first
    whisker: charts.Whisker | None

    @property
    def unscored(self) -> int:
        return sum(count for _, count in self.reasons)


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A part of the items, by one measure."""

    label: str
    items: int
    interval: Interval | None
    whisker: charts.Whisker | None


@dataclass(frozen=True, slots=True)
class SliceTable:
    """The parts of one kind, on a common axis that is marked where all items together are."""

    kind: str
    rows: tuple[SliceRow, ...]
    more: tuple[SliceRow, ...]  # smaller ones, shown when asked for
    axis: charts.Axis


@dataclass(frozen=True, slots=True)
class WorstRow:
    """An item by the chosen measure; `rank` is that of its first relevant hit, None: there is none."""

    item: WorstItem
    value: float | None
    rank: int | None


def measure_rows(results: RunResults) -> list[MeasureRow]:
    """Return all measures that a run has, in the order of the registry."""
    rows = []
    for name in results.values:
        interval = results.interval(name)
        reasons = sorted(results.reasons.get(name, {}).items(), key=lambda pair: (-pair[1], pair[0]))
        described = measure_label(name), measure_description(name)
        rows.append(MeasureRow(name, *described, interval, tuple(reasons), drawn(interval, WHOLE)))
    return rows


def drawn(interval: Interval | None, axis: charts.Axis, *, mark: float | None = None) -> charts.Whisker | None:
    """Return a mean and its interval as a picture; None where there is no interval."""
    if interval is None or interval.low is None or interval.high is None:
        return None
    return charts.whisker(axis, low=interval.low, value=interval.value, high=interval.high, mark=mark)


def slice_tables(parts: Mapping[str, Sequence[Slice]], measure: str, whole: Interval | None) -> list[SliceTable]:
    """Return a table for each kind of slices; all kinds have the same axis."""
    intervals = [one for slices in parts.values() for part in slices if (one := part.measures.get(measure))]
    axis = charts.axis_of(one.value for one in intervals)
    mark = whole.value if whole else None

    def row(part: Slice) -> SliceRow:
        interval = part.measures.get(measure)
        return SliceRow(part.label, part.items, interval, drawn(interval, axis, mark=mark))

    tables = []
    for kind, slices in parts.items():
        rows = tuple(map(row, slices))
        tables.append(SliceTable(KINDS.get(kind, kind.capitalize()), rows[:SLICES_SHOWN], rows[SLICES_SHOWN:], axis))
    return tables


def first_ranks(run: EvaluationRun) -> dict[int, int | None]:
    """Return by item at which rank the first relevant hit stood the first time it was asked. One query."""
    rows = EvaluationItem.objects.filter(run=run, repetition=1).values_list("item_id", "chunk_grades")
    return {
        item_id: next((rank for rank, grade in enumerate(grades, start=1) if grade), None) for item_id, grades in rows
    }


def worst_page(
    results: RunResults, measure: str, ranks: Mapping[int, int | None], number: str
) -> tuple[Page[int], list[WorstRow]]:
    """Return the page of that number, and its items, the worst first."""
    scored = {item_id for item_id, value in results.values.get(measure, {}).items() if value is not None}
    failed = set(EvaluationItem.objects.filter(run=results.run).exclude(error="").values_list("item_id", flat=True))
    page = Paginator(range(len(scored | failed)), WORST_ON_A_PAGE).get_page(number)
    offset = max(page.start_index() - 1, 0)
    items = worst_items(results, measure=measure, limit=WORST_ON_A_PAGE, offset=offset)
    return page, [WorstRow(item, item.values.get(measure), ranks.get(item.item_id)) for item in items]
