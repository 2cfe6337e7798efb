"""Values as people read them. None is unknown, and a dash."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitoring.dashboard.changes import Change, Measured
from monitoring.dashboard.period import DAY, HOUR, Period, Step

Unit = Literal["count", "ratio", "seconds", "usd", "score"]
Number = int | float | Decimal

NOTHING = "–"  # noqa: RUF001 # the sign for "nothing here" in a table
MINUS = "−"  # noqa: RUF001 # as wide as a plus
TEN_TIMES, HUNDRED_TIMES = 9, 99  # as changes: from there on a percentage, or a factor, says nothing
SPACE = "\N{NO-BREAK SPACE}"


def written(value: Number | None, unit: Unit) -> str:
    """Return a value with its unit: "1,234", "4.0 %", "340 ms", "$0.0012", "0.923"."""
    if value is None:
        return NOTHING
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "ratio":
            return _percent(float(value))
        case "seconds":
            return _seconds(float(value))
        case "usd":
            return _dollars(Decimal(value))
    return f"{value:.3f}"


def _percent(value: float) -> str:
    """Two digits that matter, and never "0 %" or "100 %" for what is not."""
    percent = value * 100
    if percent in (0, 100) or 10 <= percent < 99.95:
        return f"{percent:.0f}{SPACE}%" if percent in (0, 100) else f"{percent:.1f}{SPACE}%"
    if percent >= 99.95:
        return f">{SPACE}99.9{SPACE}%"
    return f"{percent:.1f}{SPACE}%" if percent >= 0.95 else f"{percent:.2g}{SPACE}%"


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f}{SPACE}ms"
    return f"{value:.2f}{SPACE}s" if value < 100 else f"{value:,.0f}{SPACE}s"


def _dollars(value: Decimal) -> str:
    """Two digits behind the point, more where they would be zero."""
    if not value:
        return "$0"
    if abs(value) >= Decimal("0.1"):
        return f"${value:,.2f}"
    return f"${value:.{1 - value.adjusted()}f}"


def interval(measured: Measured, unit: Unit) -> str:
    """Return "3.1 to 5.2 %"; empty where there is no interval."""
    if measured.low is None or measured.high is None:
        return ""
    low, high = written(measured.low, unit), written(measured.high, unit)
    return f"{low} to {high}" if unit != "ratio" else f"{low.removesuffix(f'{SPACE}%')} to {high}"


def changed(change: Change, before: Number | None, unit: Unit) -> str:
    """Return "+12 %", "14 times as much", "before: 3", "-1.2 points" or, for scores, "+0.012", with a minus as wide as
    the plus. `before` is the earlier value, which is named where it says more than the change."""
    if change.by is None or (change.is_relative and change.by >= HUNDRED_TIMES):
        return f"before: {written(before, unit)}"
    if change.is_relative and change.by >= TEN_TIMES:
        return f"{change.by + 1:,.0f} times as much"
    if change.is_relative:
        return f"{change.by * 100:+,.0f}{SPACE}%".replace("-", MINUS)
    if unit == "ratio":
        return f"{change.by * 100:+.1f} points".replace("-", MINUS)
    sign = "+" if change.by >= 0 else MINUS
    return f"{sign}{written(abs(change.by), unit)}"


def spoken_range(since: datetime, until: datetime, period: Period) -> str:
    """Return "28 Nov 2026, 13:00 to 14:00", or with both days where it ends on another, in the viewer's zone."""
    begin, end = since.astimezone(period.zone), until.astimezone(period.zone)
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%-d %b %Y, %H:%M}"
    return f"{begin:%-d %b %Y, %H:%M} to {last}"


def spoken_step(step: Step, period: Period) -> str:
    """Return when a step is: "Sat 28 Nov", "28 Nov, 13:00 to 14:00" or "23 to 29 Nov"."""
    begin, end = step.begin.astimezone(period.zone), step.end.astimezone(period.zone)
    if period.step == DAY:
        return f"{begin:%a %-d %b}"
    if period.step > DAY:
        return f"{begin:%-d %b} to {(step.end - HOUR).astimezone(period.zone):%-d %b %Y}"
    return f"{begin:%-d %b, %H:%M} to {end:%H:%M}"


def spoken_age(seconds: float) -> str:
    """Return a time that passed in its largest unit: "40 s", "5 min", "3 h", "2 d"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{SPACE}{unit}"
    return f"{seconds:.0f}{SPACE}s"
