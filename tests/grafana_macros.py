"""What Grafana makes of a panel's SQL before PostgreSQL sees it.

Macros as Grafana's documentation of the PostgreSQL data source states them: `$__timeFrom()` and `$__timeTo()` are the
ends of the range as quoted UTC texts, `$__timeFilter(column)` is a BETWEEN of them; `$__interval` is a duration such as
1m and `$__interval_ms` its milliseconds (grafana.com/docs/grafana/latest/datasources/postgres, "Macros";
.../dashboards/variables/add-template-variables, "Global variables"). A variable that holds one value is put in as it
is, with each quote doubled ("Use variables in queries"); `${__timezone}` is the name of the board's zone.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

MACRO = re.compile(r"\$(__[a-zA-Z]+)\(([^)]*)\)")
VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)*\}")
# The steps to which Grafana rounds: range divided by points, as grafana/data's rangeutil has them.
STEPS_SECONDS = (60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)


def expand(
    sql: str, *, since: datetime, until: datetime, step: timedelta = timedelta(minutes=1), **variables: str
) -> str:
    """Return the SQL that is sent. Raises KeyError for a variable without a value, ValueError for a macro."""
    values = {"__timezone": "UTC", **variables}
    milliseconds = round(step.total_seconds() * 1000)
    sql = sql.replace("$__interval_ms", str(milliseconds)).replace("$__interval", f"{milliseconds // 1000}s")
    sql = VARIABLE.sub(lambda found: values[found[1]].replace("'", "''"), sql)
    return MACRO.sub(lambda found: _macro(found[1], found[2], {"From": since, "To": until}), sql)


def step_of(since: datetime, until: datetime, points: int) -> timedelta:
    """Return Grafana's interval for a range and a number of points: the nearest of its steps, at least a minute."""
    wanted = (until - since).total_seconds() / points
    return timedelta(seconds=min(STEPS_SECONDS, key=lambda seconds: abs(seconds - wanted)))


def names(sql: str) -> set[str]:
    """Return the variables that a text uses, without Grafana's own."""
    return {name for name in VARIABLE.findall(sql) if not name.startswith("__")}


def _macro(name: str, argument: str, ends: Mapping[str, datetime]) -> str:
    since, until = (f"'{_text(ends[end])}'" for end in ("From", "To"))
    if name == "__timeFrom":
        return since
    if name == "__timeTo":
        return until
    if name == "__timeFilter":
        return f"{argument.strip()} BETWEEN {since} AND {until}"
    raise ValueError(f"Grafana's PostgreSQL data source has a macro {name}, which no panel used so far")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
