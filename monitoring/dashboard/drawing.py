"""Charts over time as places on a canvas from 0 to 100 both ways, y downwards: a template draws them in SVG that is as
wide as the page has room, with texts beside it, so that these are as large on a phone as on a desk. No script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.dashboard.changes import Measured
from monitoring.dashboard.choice import Choice
from monitoring.dashboard.panels import Panel, Series
from monitoring.dashboard.period import DAY, Period, Step
from monitoring.dashboard.words import Unit, interval, spoken_step, written

MOST_TICKS = 5  # across
MOST_TIMES = 7  # below
BAR_PART = 0.8  # of a step's place; the rest is the gap
MOST_DOTS = 31  # with more steps, only values that stand alone have a dot
MINUTES = (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)


@dataclass(frozen=True, slots=True)
class Tick:
    label: str
    place: float


@dataclass(frozen=True, slots=True)
class Column:
    """The place of a step over the whole height, and what it says when one points at it."""

    x: float
    width: float
    says: str
    url: str


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    tone: str
    url: str  # empty: its column's


@dataclass(frozen=True, slots=True)
class Line:
    """Paths as SVG writes them; `band` is the interval around the line."""

    tone: str
    path: str
    dots: str
    band: str


@dataclass(frozen=True, slots=True)
class Drawing:
    ticks: tuple[Tick, ...]
    times: tuple[Tick, ...]
    columns: tuple[Column, ...]
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the foot and at the top of the canvas."""

    first: float
    last: float
    step: float

    def y(self, value: float) -> float:
        return min(max(100 * (self.last - value) / (self.last - self.first), 0.0), 100.0)

    def ticks(self, unit: Unit) -> tuple[Tick, ...]:
        number = round((self.last - self.first) / self.step)
        values = [self.first + self.step * place for place in range(number + 1)]
        return tuple(Tick(_tick_label(value, self.step, unit), self.y(value)) for value in values)


def draw(panel: Panel, choice: Choice, steps: Sequence[Step]) -> Drawing:
    """Return where everything of a chart stands."""
    scale = _scale(panel)
    width = 100 / len(steps)
    columns = tuple(
        Column(number * width, width, says(panel, number, step, choice.period), choice.turns_url(step, **panel.link))
        for number, step in enumerate(steps)
    )
    bars = _bars(panel, choice, steps, scale) if panel.kind == "bars" else ()
    lines = tuple(
        _line(series, scale, width, with_band=bool(series.lows) and len(panel.series) == 1)  # several hide each other
        for series in (panel.series if panel.kind == "lines" else ())
    )
    return Drawing(scale.ticks(panel.unit), _times(choice.period, steps), columns, bars, lines)


def says(panel: Panel, number: int, step: Step, period: Period) -> str:
    """Return what a step says: when it was, and each value with its interval and n, line by line."""
    lines = [spoken_step(step, period)]
    for series in panel.series:
        value = series.values[number]
        if value is None or (panel.kind == "bars" and not value and len(panel.series) > 2):
            continue
        text = f"{series.name}: {written(value, panel.unit)}"
        if series.lows and (ends := interval(measured(series, number), panel.unit)):
            text += f" ({ends})"
        if series.ns:
            text += f", n = {series.ns[number] or 0:,}"
        lines.append(text)
    if len(lines) == 1:
        lines.append("nothing")
    return "\n".join(lines)


def measured(series: Series, number: int) -> Measured:
    """Return the value of a step with its interval."""
    found = [values[number] if values else None for values in (series.values, series.lows, series.highs)]
    value, low, high = (None if one is None else float(one) for one in found)
    return Measured(value, low, high)


def _bars(panel: Panel, choice: Choice, steps: Sequence[Step], scale: Scale) -> tuple[Bar, ...]:
    width = 100 / len(steps)
    bars = []
    for number, step in enumerate(steps):
        foot = 0.0
        for series in panel.series:
            value = float(series.values[number] or 0)
            if not value:
                continue
            top = scale.y(foot + value)
            x = (number + (1 - BAR_PART) / 2) * width
            url = choice.turns_url(step, **series.link) if series.link else ""
            bars.append(Bar(x, top, width * BAR_PART, scale.y(foot) - top, series.tone, url))
            foot += value
    return tuple(bars)


def _line(series: Series, scale: Scale, width: float, *, with_band: bool) -> Line:
    """Draw a line that is broken where a value is unknown, and its band where the interval is known: of one verdict
    there is a mean, but no interval."""

    def path(numbers: Sequence[int], values: Sequence[object]) -> str:
        # of steps with a value only
        return "L".join(f"{(number + 0.5) * width:.2f} {scale.y(float(str(values[number]))):.2f}" for number in numbers)

    parts = _known(series.values)
    band = ""
    for part in _known(series.lows) if with_band else ():
        band += f"M{path(part, series.highs)}L{path(part[::-1], series.lows)}Z"
    dotted = [part for part in parts if len(part) == 1 or len(series.values) <= MOST_DOTS]
    dots = "".join(f"M{path([number], series.values)}h0" for part in dotted for number in part)
    return Line(series.tone, "".join(f"M{path(part, series.values)}" for part in parts), dots, band)


def _known(values: Sequence[object]) -> list[list[int]]:
    """Return the numbers of the steps that have a value, in unbroken parts."""
    parts: list[list[int]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            parts[-1].append(number)
    return [part for part in parts if part]


def _scale(panel: Panel) -> Scale:
    """Begin at zero, but for scores, which begin a bit below the least."""
    if panel.kind == "bars":
        stacks = zip(*(series.values for series in panel.series), strict=True)
        values = [sum(float(value or 0) for value in stack) for stack in stacks] or [0.0]
    else:
        values = [float(value) for series in panel.series for value in series.values if value is not None] or [0.0]
    if panel.unit == "score":
        first = max(math.floor(min(values) * 10 - 1e-9) / 10, 0.0)
        return Scale(round(first, 1), 1.0, 0.2 if first < 0.5 and round(first * 10) % 2 == 0 else 0.1)
    step = _nice_step(max(values), least=1 if panel.unit == "count" else 0)
    last = step * max(math.ceil(max(values) / step - 1e-9), 1)
    return Scale(0.0, min(last, 1.0) if panel.unit == "ratio" else last, step)


def _nice_step(largest: float, *, least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that at most five steps reach `largest`."""
    if not largest:
        return least or 1.0
    power = 10.0 ** math.floor(math.log10(largest / MOST_TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * MOST_TICKS >= largest * (1 - 1e-9))
    return max(step, least)


def _tick_label(value: float, step: float, unit: Unit) -> str:
    """Return a value with as many digits as its distance to the next needs."""
    if unit == "ratio":
        value, step = value * 100, step * 100
    digits = max(-math.floor(math.log10(step) + 1e-9), 0)
    number = f"{value:,.{digits}f}"
    match unit:
        case "ratio":
            return f"{number} %"
        case "seconds":
            return f"{number} s"
        case "usd":
            return f"${number}"
    return number


def _times(period: Period, steps: Sequence[Step]) -> tuple[Tick, ...]:
    """Return the labels below: days, or the hours of a short period, in the viewer's zone."""
    locals_ = [step.at.astimezone(period.zone) for step in steps]
    if period.until - period.since > 2 * DAY:
        days = [local.date() for local in locals_]
        places = [number for number, day in enumerate(days) if number and day != days[number - 1]]
        places = places or list(range(len(steps)))
    else:
        places = _full_places(locals_)
    every = math.ceil(len(places) / MOST_TIMES) or 1
    has_days = period.until - period.since > 2 * DAY
    return tuple(
        Tick(_time_label(locals_[number], has_days=has_days), (number + 0.5) * 100 / len(steps))
        for number in places[::every]
    )


def _full_places(moments: Sequence[datetime]) -> list[int]:
    """Return the steps at a multiple of the finest part of a day that gives few enough labels."""
    for minutes in MINUTES:
        places = [number for number, local in enumerate(moments) if (local.hour * 60 + local.minute) % minutes == 0]
        if 1 < len(places) <= MOST_TIMES:
            return places
    return list(range(len(moments)))


def _time_label(local: datetime, *, has_days: bool) -> str:
    is_midnight = local.hour == local.minute == 0
    return f"{local:%-d %b}" if has_days or is_midnight else f"{local:%H:%M}"
