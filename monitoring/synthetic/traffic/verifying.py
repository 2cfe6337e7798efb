"""Does monitoring find what was planted? Each figure is read through the reports, each incident looked for by the alert
rules, hour by hour; whatever is off is said."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from monitoring.alerts import RULES, evaluate
from monitoring.reports import Filters, read
from monitoring.synthetic.traffic.groups import DAY

HOUR = timedelta(hours=1)
_ROUNDING = 1e-9
_GROUP = itemgetter("report", "by", "name", "source")


@dataclass(frozen=True, slots=True)
class Checked:
    """A figure: what was planted, the interval that it must lie in, and what the report says (None: nothing)."""

    name: str
    planted: float
    low: float
    high: float
    reported: float | None
    is_ok: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An incident with when its alert was first raised (None: never), or an alert without an incident."""

    what: str
    alert: str
    begin: datetime
    raised_at: datetime | None
    is_ok: bool
    detail: str = ""


def check_figures(truth: Mapping[str, Any], *, origin: str) -> Iterator[Checked]:
    """Yield all figures of a truth file; one query for each report and grouping."""
    for (report, by, name, source), some in groupby(sorted(truth["figures"], key=_GROUP), key=_GROUP):
        rows = _rows(truth, origin, report, by, name, source)
        for figure in some:
            yield _checked(figure, rows.get(figure["key"], {}))


def why_off(truth: Mapping[str, Any], *, origin: str) -> str:
    """Return what is to be done where the traffic is not that of the file at all; empty where it may be."""
    planted = sum(one["planted"] for one in truth["figures"] if one["figure"] == "turns" and not one["by"])
    row = _rows(truth, origin, "turns", "", "", "").get("", {})
    found = int(row.get("turns") or 0)
    if not found:
        return " There is no such traffic here: it was removed, or written into another database."
    if found > planted:
        return (
            f" There are {found:,} turns in that time, and the file is of {planted:,.0f}: other synthetic traffic is in"
            " the way. Remove all of it, and write history and file anew."
        )
    return ""


def check_incidents(
    truth: Mapping[str, Any], *, origin: str, on_hours: Callable[[int], object] | None = None
) -> Iterator[Found]:
    """Yield all incidents, and every alert that is raised without one. Looks once an hour."""
    rules = tuple(rule for rule in RULES if rule.window is not None)
    raised: dict[str, list[tuple[datetime, str]]] = {}
    for at in hours_of(truth):
        for reading in evaluate(at=at, origin=origin, rules=rules):
            if reading.is_firing:
                raised.setdefault(reading.rule.name, []).append((at, reading.detail))
        if on_hours:
            on_hours(1)
    windows = {rule.name: rule.window for rule in rules if rule.window is not None}
    yield from _found(truth["incidents"], raised)
    yield from _false_alarms(truth["incidents"], raised, windows)


def hours_of(truth: Mapping[str, Any]) -> list[datetime]:
    """Return the end of each hour of a world."""
    since, until = (datetime.fromisoformat(truth[name]) for name in ("since", "until"))
    return [since + number * HOUR for number in range(1, int((until - since) / HOUR) + 1)]


def _rows(
    truth: Mapping[str, Any], origin: str, report: str, by: str, name: str, source: str
) -> dict[str, Mapping[str, Any]]:
    """Return the rows of a report by group."""
    zone = truth["arguments"]["zone"]
    until = datetime.fromisoformat(truth["calls_until" if report == "calls" else "until"])
    filters = Filters(datetime.fromisoformat(truth["since"]), until, origin=origin, zone=zone)
    extras = {"measure": name} if report == "latency" else {"name": name, "source": source} if name else {}
    step = timedelta(days=1) if by == DAY else None
    rows = read(report, filters, step=step, by="" if by == DAY else by, **extras)
    if report == "scores":
        versions = {judge["judge_version"] for judge in truth["planted"]["judges"]} | {0}
        rows = [row for row in rows if row["judge_version_id"] in versions]
    if by == DAY:
        return {row["at"].astimezone(ZoneInfo(zone)).date().isoformat(): row for row in rows}
    return {row["key"]: row for row in rows}


def _checked(figure: Mapping[str, Any], row: Mapping[str, Any]) -> Checked:
    names = [figure["report"], figure["name"], figure["source"].lower(), figure["figure"]]
    label = " ".join(filter(None, names))
    if figure["by"]:
        label += f" [{figure['by']} {figure['key']}]"
    low, high, kind = figure["low"], figure["high"], figure["kind"]
    value = row.get(figure["figure"])
    if kind in ("count", "sum"):
        # No row, no turn: a report lists the groups that have something.
        reported = float(value or 0)
        is_ok = abs(reported - figure["realised"]) <= _ROUNDING * max(1.0, abs(figure["realised"]))
        return Checked(label, figure["planted"], low, high, reported, is_ok)
    if kind == "corrected":
        return _corrected(label, figure, row)
    if value is None:
        return Checked(label, figure["planted"], low, high, None, False, "the report says nothing")
    reported = float(value)
    is_ok = low - _ROUNDING <= reported <= high + _ROUNDING
    note = ""
    if kind == "chance" and abs(reported - figure["realised"]) > _ROUNDING:
        is_ok, note = False, f"what was drawn is {figure['realised']:.6f}"
    return Checked(label, figure["planted"], low, high, reported, is_ok, note)


def _corrected(label: str, figure: Mapping[str, Any], row: Mapping[str, Any]) -> Checked:
    """A rate that is corrected for the errors of its judge: the planted one lies in the interval that it states. Where
    too few labels say how the judge errs there is none, and that is right."""
    value, low, high = (row.get(f"corrected_{end}") for end in ("ratio", "low", "high"))
    planted = figure["planted"]
    if value is None or low is None or high is None:
        return Checked(label, planted, figure["low"], figure["high"], None, True, "too few labels to say")
    return Checked(label, planted, low, high, value, low - _ROUNDING <= planted <= high + _ROUNDING)


def _found(incidents: Iterable[Mapping[str, Any]], raised: Mapping[str, list[tuple[datetime, str]]]) -> Iterator[Found]:
    for incident in incidents:
        begin, end = _ends(incident)
        during = [(at, detail) for at, detail in raised.get(incident["alert"], []) if begin < at <= end + HOUR]
        at, detail = during[0] if during else (None, _too_few(incident))
        yield Found(incident["kind"], incident["alert"], begin, at, at is not None or bool(detail), detail)


def _too_few(incident: Mapping[str, Any]) -> str:
    """Return why an incident need not be found; empty where it must."""
    n, takes = incident["observations"], incident["takes"]
    if takes is None:
        return f"too little to be found, or to compare with: {n} observations"
    return f"too few to be found: {n}, the rule takes {takes}" if n < takes else ""


def _false_alarms(
    incidents: Iterable[Mapping[str, Any]],
    raised: Mapping[str, list[tuple[datetime, str]]],
    windows: Mapping[str, timedelta],
) -> Iterator[Found]:
    """Yield alerts at times of which no incident is in their window."""
    for name, times in raised.items():
        for at, detail in times:
            explained = any(
                begin < at <= end + windows[name]
                for incident in incidents
                for begin, end in [_ends(incident)]
                if name in (incident["alert"], *incident["may_also_raise"])
            )
            if not explained:
                yield Found("no incident", name, at, at, False, detail)


def _ends(incident: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(incident["begin"]), datetime.fromisoformat(incident["end"])
