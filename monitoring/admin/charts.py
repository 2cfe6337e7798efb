"""Plots of evaluation runs, as places on a canvas that a template draws in SVG: no script, sharp at each width. Beside
each stands the same as a table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor

WIDTH, HEIGHT = 480, 200  # of the canvas, in its own units; a page scales it
LEFT, RIGHT, TOP, BOTTOM = 40, 4, 18, 30  # what labels need around the bars
BAR_PART = 0.72  # of a bar's place; the rest is the gap
MOST_BARS = 12  # more distinct values than this are put into bins
BINS = 10
SHORT_CHARS = 4  # what a label on the canvas may have
NONE_FOUND = "none"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its label below and its count above. `share` is 0..1 of all; `is_miss`: it counts failures."""

    label: str
    short: str  # as the canvas has room for
    count: int
    share: float
    x: float
    y: float
    width: float
    height: float
    is_miss: bool

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the canvas with its number."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars from left to right; none where there is nothing to count."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    count: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM
    labels_y: int = HEIGHT - BOTTOM + 18


def bar_chart(counts: Sequence[tuple[str, int]], *, miss: str = "") -> BarChart:
    """Return a bar for each (label, count), in their order; the one labelled `miss` counts failures."""
    total = sum(count for _, count in counts)
    if not total:
        return BarChart((), (), 0)
    step = _nice_step(max(count for _, count in counts))
    top = step * -(-max(count for _, count in counts) // step)
    room = HEIGHT - TOP - BOTTOM
    place = (WIDTH - LEFT - RIGHT) / len(counts)
    bars = tuple(
        Bar(
            label=label,
            short=label.partition(" ")[0][:SHORT_CHARS],
            count=count,
            share=count / total,
            x=LEFT + place * (number + (1 - BAR_PART) / 2),
            y=TOP + room * (1 - count / top),
            width=place * BAR_PART,
            height=room * count / top,
            is_miss=label == miss,
        )
        for number, (label, count) in enumerate(counts)
    )
    ticks = tuple(Tick(f"{number:,}", TOP + room * (1 - number / top)) for number in range(0, top + 1, step))
    return BarChart(bars, ticks, total)


def _nice_step(largest: int) -> int:
    """Return 1, 2 or 5 times a power of ten, so that at most five steps reach `largest`."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * 5 >= largest:
                return step * factor
        step *= 10


def histogram(values: Iterable[float]) -> BarChart:
    """Count values of 0..1: each value for itself where there are few, else in ten bins, the last with 1 in it."""
    numbers = Counter(round(value, 4) for value in values)
    if len(numbers) <= MOST_BARS:
        return bar_chart([(f"{value:.3f}".rstrip("0").rstrip("."), numbers[value]) for value in sorted(numbers)])
    bins = Counter(min(max(floor(value * BINS), 0), BINS - 1) for value in numbers.elements())
    return bar_chart([(f"{number / BINS:g} to {(number + 1) / BINS:g}", bins[number]) for number in range(BINS)])


def rank_chart(ranks: Iterable[int | None]) -> BarChart:
    """Count at which rank the first relevant hit stood (None: nowhere), from 1 to the last that occurs."""
    numbers = Counter(ranks)
    last = max((rank for rank in numbers if rank is not None), default=0)
    if last > MOST_BARS:
        places = [(str(rank), numbers[rank]) for rank in range(1, MOST_BARS)]
        places.append((f"{MOST_BARS}+", sum(numbers[rank] for rank in range(MOST_BARS, last + 1))))
    else:
        places = [(str(rank), numbers[rank]) for rank in range(1, last + 1)]
    return bar_chart([*places, (NONE_FOUND, numbers[None])], miss=NONE_FOUND)


@dataclass(frozen=True, slots=True)
class Axis:
    """From where to where intervals are drawn, the same in all rows of a table."""

    first: float
    last: float

    def place(self, value: float) -> float:
        """Return where a value stands, 0 to 100; beyond an end it stands at the end."""
        return min(max(100 * (value - self.first) / (self.last - self.first), 0.0), 100.0)


@dataclass(frozen=True, slots=True)
class Whisker:
    """A mean as a dot on the line of its interval, each 0 to 100 of the axis; `mark` is what to compare it with."""

    low: float
    value: float
    high: float
    mark: float | None


def axis_of(values: Iterable[float]) -> Axis:
    """Return an axis on which means of 0..1 can be told apart: from a tenth below the least to a tenth above the
    largest. An interval that is longer goes to its end."""
    numbers = list(values) or [0.0, 1.0]
    first = max(floor(min(numbers) * 10 + 1e-9) / 10 - 0.1, 0.0)
    last = min(-floor(-max(numbers) * 10 + 1e-9) / 10 + 0.1, 1.0)
    return Axis(round(first, 1), round(last, 1))


def difference_axis(ends: Iterable[float]) -> Axis:
    """Return an axis with 0 in its middle on which all differences find room, to the next twentieth."""
    largest = max((abs(end) for end in ends), default=0.0)
    reach = max(round(-floor(-largest * 20 + 1e-9) / 20, 2), 0.05)
    return Axis(-reach, reach)


def whisker(axis: Axis, *, low: float, value: float, high: float, mark: float | None = None) -> Whisker:
    """Put a mean and its interval on an axis."""
    return Whisker(axis.place(low), axis.place(value), axis.place(high), None if mark is None else axis.place(mark))
