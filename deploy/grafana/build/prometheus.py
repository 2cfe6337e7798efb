"""Queries of Prometheus, for what the database does not know: requests, connections, queues as they are."""

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="ragsite-prometheus")


def over_time(expression: str, legend: str, *, ref_id: str = "A") -> Dataquery:
    """A range query; `legend` names each series, with `{{label}}` for its labels."""
    query = Dataquery().datasource(PROMETHEUS).expr(expression).ref_id(ref_id).format(PromQueryFormat.TIME_SERIES)
    return query.legend_format(legend).range()
