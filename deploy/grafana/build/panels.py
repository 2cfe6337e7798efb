"""The kinds of panels: a figure, a time series, a table, bars. Each says what it shows in its title and description.

Colours have one meaning on all boards: green is good, red is bad, blue and purple are amounts, grey is how many (n).
A rate or mean stands with its n and its 95 % interval; what is unknown stays empty.
"""

from collections.abc import Mapping
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.builders.common import VizTooltipOptions as Tooltip
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Panel

PanelBuilder = Builder[Panel]
Linked = TypeVar("Linked", stat.Panel, timeseries.Panel)

GOOD, BAD, WARN, AMOUNT, OTHER, COUNT = "green", "red", "orange", "blue", "purple", "#8e8e8e"
RATIO, SECONDS, USD, NUMBER, BYTES = "percentunit", "s", "currencyUSD", "short", "bytes"
HIGH, LOW = "high 95 %", "low 95 %"
# Points of a line: beyond four days a step is an hour or more then, which the roll-ups answer at once.
POINTS = 120
SHORTEST_STEP = "1m"
EMPTY = "unknown"


def figure(title: str, description: str, query: Builder[Dataquery], *, unit: str, url: str = "") -> stat.Panel:
    """One row in large: the first column is the figure; the others say on how much it rests."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit(unit)
        .no_value(EMPTY)
        .reduce_options(ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("/.*/"))
        .color_mode(BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .orientation(VizOrientation.HORIZONTAL)
        .span(6)
        .height(5)
    )
    panel.override_by_regexp("^n: .*", [DynamicConfigValue("unit", NUMBER), DynamicConfigValue("decimals", 0)])
    return _with_link(panel, url)


def lines(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    unit: str,
    colours: Mapping[str, str] | None = None,
    url: str = "",
    has_band: bool = False,
    width: int = 12,
) -> timeseries.Panel:
    """Lines over time. Columns named `n: ...` are thin bars on an axis of their own; with `has_band` the columns
    `low 95 %` and `high 95 %` are the edges of a shaded band around the line."""
    panel = (
        _over_time(title, description, query, width)
        .unit(unit)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(2)
        .fill_opacity(0)
        .show_points(VisibilityMode.AUTO)
    )
    if unit == RATIO:
        panel.min(0).max(1)
    if has_band:
        edge = [
            DynamicConfigValue("custom.lineWidth", 0),
            DynamicConfigValue("custom.showPoints", "never"),
            DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
            _fixed(COUNT),
        ]
        band = [DynamicConfigValue("custom.fillBelowTo", LOW), DynamicConfigValue("custom.fillOpacity", 18)]
        panel.override_by_name(HIGH, [*edge, *band]).override_by_name(LOW, edge)
    panel.override_by_regexp(
        "^n: .*",
        [
            DynamicConfigValue("unit", NUMBER),
            DynamicConfigValue("min", 0),
            DynamicConfigValue("max", None),
            DynamicConfigValue("custom.axisPlacement", "right"),
            DynamicConfigValue("custom.drawStyle", "bars"),
            DynamicConfigValue("custom.lineWidth", 0),
            DynamicConfigValue("custom.fillOpacity", 15),
            _fixed(COUNT),
        ],
    )
    return _with_link(_coloured(panel, colours), url, "Turns from here on")


def stacked(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    unit: str,
    colours: Mapping[str, str] | None = None,
    url: str = "",
    width: int = 12,
) -> timeseries.Panel:
    """Bars over time, one on the other: what adds up."""
    panel = (
        _over_time(title, description, query, width)
        .unit(unit)
        .min(0)
        .draw_style(GraphDrawStyle.BARS)
        .line_width(0)
        .fill_opacity(70)
        .stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
    )
    return _with_link(_coloured(panel, colours), url, "Turns from here on")


def rows(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    units: Mapping[str, str] | None = None,
    urls: Mapping[str, tuple[str, str]] | None = None,
    width: int = 24,
    height: int = 9,
) -> table.Panel:
    """A table; `units` by column (a regular expression), `urls` (title and address) by the column that carries them."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .no_value(EMPTY)
        .filterable(False)
        .span(width)
        .height(height)
    )
    for column, unit in (units or {}).items():
        panel.override_by_regexp(f"^({column})$", [DynamicConfigValue("unit", unit)])
    for column, (link_title, url) in (urls or {}).items():
        panel.override_by_name(column, [_links(link_title, url)])
    return panel


def bars(
    title: str, description: str, query: Builder[Dataquery], *, unit: str, colour: str = AMOUNT, width: int = 8
) -> bargauge.Panel:
    """One bar a row: the first column names it, the second is its length."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit(unit)
        .min(0)
        .no_value(EMPTY)
        .reduce_options(ReduceDataOptions().values(True).limit(25).calcs([]).fields(""))
        .orientation(VizOrientation.HORIZONTAL)
        .span(width)
        .height(8)
    )
    return panel.override_by_field_type("number", [_fixed(colour)])


def _over_time(title: str, description: str, query: Builder[Dataquery], width: int) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .interval(SHORTEST_STEP)
        .max_data_points(POINTS)
        .no_value(EMPTY)
        .span_nulls(False)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(Tooltip().mode(TooltipDisplayMode.MULTI).sort(SortOrder.NONE))
        .span(width)
        .height(8)
    )


def _coloured(panel: timeseries.Panel, colours: Mapping[str, str] | None) -> timeseries.Panel:
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_fixed(colour)])
    return panel


def _with_link(panel: Linked, url: str, title: str = "Show the turns") -> Linked:
    return panel.override_by_regexp("^(?!n: ).*", [_links(title, url)]) if url else panel


def _links(title: str, url: str) -> DynamicConfigValue:
    return DynamicConfigValue("links", [{"title": title, "url": url, "targetBlank": True}])


def _fixed(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
