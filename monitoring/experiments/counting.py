"""Reading what is counted of experiments: the sums and rows that SQL makes (reports.kpi_units says of what)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from monitoring.experiments.figures import JudgedBy
from monitoring.statistics.ratios import Sums

SUMS_SQL = "SELECT * FROM reports.experiment_sums(%(experiment_id)s, %(until)s)"
EXPOSED_SQL = """
SELECT variant_id, count(*), count(*) FILTER (WHERE exposed_at >= %(since)s)
  FROM reports.exposure
 WHERE experiment_id = %(experiment_id)s
   AND exposed_at < %(until)s
   AND NOT is_pinned
 GROUP BY variant_id
"""
JUDGES_SQL = """
SELECT version.name AS criterion,
       version.judge,
       version.version,
       version.judge_version_id,
       version.is_proven,
       error.sensitivity,
       error.specificity,
       coalesce(error.failing_labels, 0) AS failing_labels,
       coalesce(error.other_labels, 0) AS other_labels
  FROM reports.judge_version AS version
  LEFT JOIN reports.judge_error AS error
    ON error.judge_version_id = version.judge_version_id
   AND error.is_synthetic = %(is_synthetic)s
 WHERE version.judge_version_id = ANY (%(versions)s)
 ORDER BY version.name
"""
UNITS_SQL = """
SELECT kpi, x, y
  FROM reports.traffic_units(%(since)s, %(until)s, %(unit)s, %(origin)s, %(collections)s::bigint[], %(config_id)s)
"""
ARRIVALS_SQL = """
SELECT day, units FROM reports.unit_arrivals(%(since)s, %(until)s, %(unit)s, %(origin)s, %(collections)s::bigint[])
"""
NONE = Sums(0, 0.0, 0.0, 0.0, 0.0, 0.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counted:
    """Sums by variant and KPI, and the version of the judge whose verdicts a KPI counts (0: it is not judged)."""

    sums: dict[tuple[int, str], Sums]
    judge_versions: dict[str, int]

    def of(self, variant_id: int, kpi: str) -> Sums:
        return self.sums.get((variant_id, kpi), NONE)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Traffic to plan or measure by: questions asked from `since` to before `until`. No collection: all of them.
    `unit`: USER or CONVERSATION."""

    since: datetime
    until: datetime
    unit: str
    origin: str = "USER"
    collection_ids: Sequence[int] = ()
    config_id: int | None = None


def count(experiment_id: int, until: datetime) -> Counted:
    """Return the sums of an experiment's variants. One query, which reads all turns of its units."""
    with connection.cursor() as cursor:
        cursor.execute(SUMS_SQL, {"experiment_id": experiment_id, "until": until})
        rows = cursor.fetchall()
    sums = {(row[0], row[1]): Sums(*row[2:8]) for row in rows}
    return Counted(sums, {kpi: version for _, kpi, *_, version in rows if version})


def exposed(experiment_id: int, since: datetime, until: datetime) -> dict[int, tuple[int, int]]:
    """Return for each variant how many units met it before `until`, and how many of them from `since` on, without
    pinned ones. One query."""
    with connection.cursor() as cursor:
        cursor.execute(EXPOSED_SQL, {"experiment_id": experiment_id, "since": since, "until": until})
        return {variant_id: (units, lately) for variant_id, units, lately in cursor.fetchall()}


def judged_by(counted: Counted, kpis: Sequence[str], *, is_synthetic: bool) -> tuple[JudgedBy, ...]:
    """Return the versions of judges whose verdicts these KPIs count, each with the number of them. One query."""
    versions = {counted.judge_versions[kpi]: kpi for kpi in kpis if kpi in counted.judge_versions}
    verdicts = {
        version: round(sum(sums.y for (_, name), sums in counted.sums.items() if name == kpi))
        for version, kpi in versions.items()
    }
    if not versions:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(JUDGES_SQL, {"versions": list(versions), "is_synthetic": is_synthetic})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return tuple(JudgedBy(**row, verdicts=verdicts[row["judge_version_id"]]) for row in rows)


def unit_values(traffic: Traffic) -> dict[str, tuple[Floats, Floats]]:
    """Return by KPI the numerators and denominators of all units with something to count. One query, which reads all
    turns of the range."""
    with connection.cursor() as cursor:
        cursor.execute(UNITS_SQL, {**_range(traffic), "config_id": traffic.config_id})
        return {kpi: (np.asarray(x, np.float64), np.asarray(y, np.float64)) for kpi, x, y in cursor.fetchall()}


def arrivals(traffic: Traffic) -> list[tuple[int, int]]:
    """Return on which day of the range (0: the first) how many units asked for the first time in it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(ARRIVALS_SQL, _range(traffic))
        return [(day, units) for day, units in cursor.fetchall()]


def sums_of(x: Floats, y: Floats) -> Sums:
    """Return the sums over units."""
    return Sums(len(x), float(x.sum()), float(y.sum()), float(x @ x), float(y @ y), float(x @ y))


def _range(traffic: Traffic) -> dict[str, Any]:  # values for PostgreSQL
    return {
        "since": traffic.since,
        "until": traffic.until,
        "unit": traffic.unit,
        "origin": traffic.origin,
        "collections": list(traffic.collection_ids) or None,
    }
