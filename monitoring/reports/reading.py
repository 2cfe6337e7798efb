"""Reading figures: one report is one query."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from psycopg import sql

from monitoring.reports.filters import Filters
from monitoring.reports.registry import REPORTS, Report

FIGURES_SQL = """
SELECT *
  FROM reports.{name}(since => %(since)s, until => %(until)s, step_seconds => %(step_seconds)s, by => %(by)s,
                      origin => %(origin)s, collection_id => %(collection_id)s, config_id => %(config_id)s,
                      model => %(model)s, zone => %(zone)s{extras})
"""
NOW_SQL = "SELECT * FROM reports.{name}()"
# The steps of the figures, as they name them.
STEPS_SQL = """
SELECT reports.begin_of(at, %(step_seconds)s, %(zone)s)
  FROM reports.steps(%(since)s, %(until)s, %(step_seconds)s, %(zone)s, '') AS step (at)
 ORDER BY 1
"""
RANGE_SQL = "SELECT * FROM reports.{name}(since => %(since)s, until => %(until)s)"


def read(
    name: str, filters: Filters, /, *, step: timedelta | None = None, by: str = "", **extras: Any
) -> list[dict[str, Any]]:
    """Return the rows of a report, each a dict by column; counts are 0 and ratios None where nothing is.

    Without `step` one row, else one for each step; `by` groups, as `Report.groupings` lists. `extras` are the report's
    own, such as `measure` of latency, without which `by="measure"` has all of them. Raises ValueError for what the
    report does not know. One query.
    """
    report = REPORTS.get(name)
    if report is None:
        raise ValueError(f"There is no report {name!r}; there are {', '.join(REPORTS)}.")
    _check(report, by, step, extras)
    if by == "measure":
        extras.setdefault("measure", None)
    statement = {"figures": FIGURES_SQL, "now": NOW_SQL, "range": RANGE_SQL}[report.shape]
    named = sql.SQL("").join(sql.SQL(", {} => {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in extras)
    values = {
        "since": filters.since,
        "until": filters.until,
        "step_seconds": round(step.total_seconds()) if step else 0,
        "by": by,
        "origin": filters.origin,
        "collection_id": filters.collection_id,
        "config_id": filters.config_id,
        "model": filters.model,
        "zone": filters.zone,
        **extras,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(name=sql.Identifier(name), extras=named), values)
        columns = [column.name for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def steps(filters: Filters, step: timedelta) -> list[datetime]:
    """Return by which times the rows of a report name the steps of a range. One query."""
    values: dict[str, Any] = {
        "since": filters.since,
        "until": filters.until,
        "step_seconds": round(step.total_seconds()),
        "zone": filters.zone,
    }
    with connection.cursor() as cursor:
        cursor.execute(STEPS_SQL, values)
        return [at for (at,) in cursor.fetchall()]


def _check(report: Report, by: str, step: timedelta | None, extras: dict[str, Any]) -> None:
    if by not in report.groupings:
        known = ", ".join(repr(one) for one in report.groupings)
        raise ValueError(f"{report.name} is not grouped by {by!r}; it knows {known}.")
    if step is not None and (step < timedelta(minutes=1) or report.shape != "figures"):
        raise ValueError(f"{report.name} has no steps of {step}; the shortest is a minute, if there are steps.")
    if unknown := set(extras) - set(report.extras):
        raise ValueError(f"{report.name} does not know {', '.join(sorted(unknown))}.")
