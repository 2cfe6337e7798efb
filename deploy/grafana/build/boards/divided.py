"""Panels of experiments: users divided by lot between variants, as the last looks found them."""

from deploy.grafana.build.links import EXPERIMENT
from deploy.grafana.build.panels import NUMBER, PanelBuilder, lines, rows
from deploy.grafana.build.sql import RANGE, Sql, select

UNIT = "In the KPI's own unit: shares from 0 to 1, seconds, or dollars."
AT_ALL_LOOKS = (
    "The interval (low, high) holds however often one looks: where it excludes 0, the difference is sure. Filters other"
    " than the origin do not apply; the verdict in words stands on the experiment's page."
)
OF_ORIGIN = "origin = '${origin}'"
# Its name, and the variant's.
SERIES = "experiment.name || ': ' || variant.name"


def divided() -> list[PanelBuilder]:
    """Return the panels in their order."""
    return [_primary(), _others(), _over_time(), _met()]


def _primary() -> PanelBuilder:
    return _table(
        "Which variant is better? Difference to the control in the KPI that decides",
        f"Each experiment as it was last looked at in this range. {UNIT} {AT_ALL_LOOKS}",
        "role = 'primary'",
    )


def _others() -> PanelBuilder:
    return _table(
        "What else is surely different? Guardrails, and other KPIs whose interval excludes 0",
        f"Intervals are corrected for the number of KPIs. {UNIT} {AT_ALL_LOOKS}",
        "(role = 'guardrail' OR role = 'secondary' AND (low > 0 OR high < 0))",
    )


def _table(title: str, description: str, which: str) -> PanelBuilder:
    columns = {
        "experiment": "experiment",
        "id": "experiment_id",
        "status": "status",
        "variant": "variant",
        "KPI": "kpi",
        "n: units": "units",
        "control": "control",
        "value": "value",
        "difference": "difference",
        "difference, low": "low",
        "difference, high": "high",
    }
    return rows(
        title,
        description,
        Sql(
            select(
                columns,
                f"reports.experiments({RANGE})",
                where=f"{OF_ORIGIN} AND {which}",
                order="experiment_id DESC, variant, role, kpi",
            )
        ),
        urls={"experiment": ("Open the experiment", EXPERIMENT)},
        height=7,
    )


def _over_time() -> PanelBuilder:
    columns = {
        "time": "look.looked_at",
        "metric": f"{SERIES} || unnest(ARRAY['', ', low', ', high'])",
        "value": "unnest(ARRAY[look.difference, look.low, look.high])",
    }
    return lines(
        "How does the difference develop? Variant less control, in the KPI that decides",
        f"With the ends of its interval; n stands in the table above. {UNIT} {AT_ALL_LOOKS}",
        Sql(
            select(
                columns,
                "reports.experiment_look AS look\n"
                "  JOIN reports.experiment AS experiment USING (experiment_id)\n"
                "  JOIN reports.variant AS variant USING (variant_id)",
                where=f"look.looked_at >= $__timeFrom() AND look.looked_at < $__timeTo()\n"
                f"   AND {OF_ORIGIN} AND look.role = 'primary'",
                order="1, 2",
            ),
            is_long=True,
        ),
        unit=NUMBER,
    )


def _met() -> PanelBuilder:
    columns = {"time": "date_bin('1 hour', exposure.exposed_at, 'epoch')", "metric": SERIES, "value": "count(*)"}
    return lines(
        "How many meet each variant? Users or conversations for the first time, by hour",
        "Those to whom a variant answered for the first time, without pinned users. Variants with equal shares should"
        " keep together; the experiment's page tests that.",
        Sql(
            select(
                columns,
                "reports.exposure AS exposure\n"
                "  JOIN reports.experiment AS experiment USING (experiment_id)\n"
                "  JOIN reports.variant AS variant USING (variant_id)",
                where=f"exposure.exposed_at >= $__timeFrom() AND exposure.exposed_at < $__timeTo()\n"
                f"   AND {OF_ORIGIN} AND NOT exposure.is_pinned\n GROUP BY 1, 2",
                order="1, 2",
            ),
            is_long=True,
        ),
        unit=NUMBER,
    )
