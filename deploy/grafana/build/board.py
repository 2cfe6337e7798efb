"""A board put together: its fixed uid, its variables, links to the other boards, and numbers for its panels."""

import json
from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from deploy.grafana.build.links import DASHBOARD
from deploy.grafana.build.panels import PanelBuilder
from deploy.grafana.build.variables import hide_unread, variables

TAG = "ragsite"
REFRESH = "1m"


def board(
    uid: str,
    title: str,
    description: str,
    sections: Mapping[str, Sequence[PanelBuilder]],
    *,
    days: int = 7,
    of_runs: bool = False,
) -> Model:
    """Put rows of panels under their headings. Panels are numbered in their order, rows too: links name them.

    `of_runs`: the board is of evaluation runs, and offers the configs of those."""
    builder = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .time(f"now-{days}d", "now")
        .timezone("browser")
        .refresh(REFRESH)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables(variables(of_runs=of_runs))
        .link(DashboardLink("Boards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).include_vars(True).keep_time(True))
        .link(DashboardLink("ragsite").type(DashboardLinkType.LINK).url(DASHBOARD).target_blank(True))
    )
    for heading, panels in sections.items():
        builder.with_row(Row(heading))
        for panel in panels:
            builder.with_panel(panel)
    model = builder.build()
    for number, numbered in enumerate(model.panels or [], start=1):
        numbered.id_val = number
    hide_unread(model.templating.list_val or [], json.dumps(model.panels, cls=JSONEncoder))
    return model
