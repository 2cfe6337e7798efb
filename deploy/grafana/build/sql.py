"""The SQL of panels: calls of the functions of the schema `reports`, with the dashboard's time range and variables.

Grafana replaces `$__timeFrom()`, `$__timeTo()` and `$__interval_ms` on its server and `${...}` in the browser, where it
doubles quotes inside a value. An empty variable stands for all, so it becomes NULL.
"""

from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

POSTGRES = DataSourceRef(type_val="grafana-postgresql-datasource", uid="ragsite-postgres")
RANGE = "since => $__timeFrom(), until => $__timeTo()"
FILTERS = (
    "origin => '${origin}', collection_id => NULLIF('${collection}', '')::bigint,\n"
    "         config_id => NULLIF('${config}', '')::bigint, model => NULLIF('${model}', ''), zone => '${__timezone}'"
)


def facts(time: str) -> str:
    """The same as conditions on a view of facts, which has a row for each turn, score or vote; `time` is its column."""
    return f"""{time} >= $__timeFrom()
   AND {time} < $__timeTo()
   AND origin = '${{origin}}'
   AND ('${{collection}}' = '' OR collection_id = NULLIF('${{collection}}', '')::bigint)
   AND ('${{config}}' = '' OR config_id = NULLIF('${{config}}', '')::bigint)
   AND ('${{model}}' = '' OR model = '${{model}}')"""


def call(name: str, /, *, steps: bool = False, by: str = "", **extra: str | None) -> str:
    """Write the call of reports.`name` for the dashboard's range and filters.

    `steps`: one row for each of Grafana's intervals, else one for all. `extra` are further arguments, None for NULL.
    """
    arguments = [RANGE]
    if steps:
        arguments.append("step_seconds => $__interval_ms / 1000")
    if by:
        arguments.append(f"by => '{by}'")
    arguments.append(FILTERS)
    arguments += [f"{key} => " + ("NULL" if value is None else f"'{value}'") for key, value in extra.items()]
    return f"reports.{name}(\n         " + ",\n         ".join(arguments) + ")"


def select(columns: Mapping[str, str], source: str, *, where: str = "", order: str = "", limit: int = 0) -> str:
    """Write a query: `columns` are expressions by the names that panels show; `source` is a call, or a view."""
    written = ",\n       ".join(f'{expression} AS "{name}"' for name, expression in columns.items())
    lines = [f"SELECT {written}", f"  FROM {source}"]
    lines += [f" WHERE {where}"] if where else []
    lines += [f" ORDER BY {order}"] if order else []
    lines += [f" LIMIT {limit}"] if limit else []
    return "\n".join(lines)


def percent_interval(low: str, high: str) -> str:
    """SQL for the interval of a ratio as people read it, NULL where it is unknown."""
    return f"round(100 * {low}::numeric, 1) || ' to ' || round(100 * {high}::numeric, 1) || ' %'"


def number_interval(low: str, high: str, digits: int = 2) -> str:
    """The same of a number."""
    return f"round({low}::numeric, {digits}) || ' to ' || round({high}::numeric, {digits})"


class SqlQuery(Dataquery):
    """A query of Grafana's PostgreSQL data source, for which the SDK has no class of its own."""

    def __init__(self, raw_sql: str, ref_id: str, format_val: str) -> None:
        self.raw_sql, self.ref_id, self.format_val = raw_sql, ref_id, format_val

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref_id,
            "datasource": POSTGRES.to_json(),
            "editorMode": "code",
            "format": self.format_val,
            "rawQuery": True,
            "rawSql": self.raw_sql,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "SqlQuery":
        return cls(data["rawSql"], data["refId"], data["format"])


class Sql(Builder[Dataquery]):
    """`is_long`: one row for each time and series, the series named by a column `metric`; else a column for each."""

    def __init__(self, raw_sql: str, *, is_long: bool = False, ref_id: str = "A") -> None:
        self._query = SqlQuery(raw_sql, ref_id, "time_series" if is_long else "table")

    def build(self) -> Dataquery:
        return self._query
