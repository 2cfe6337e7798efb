"""Alert rules for Grafana: those of monitoring.alerts, which the site evaluates and /metrics tells of.

Grafana asks Prometheus whether a rule fires; it measures nothing itself, so that a rule is stated once. Where the
metric is missing nothing is known of any rule: they stay quiet, and one more says that nothing is heard of ragsite.
Who is told is the operator's: rules go by the default notification policy of Grafana.
"""

import json
from collections.abc import Iterable
from typing import Any

import yaml
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.build.prometheus import PROMETHEUS
from monitoring.alerts import Rule, Severity

HEAD = "# Written by `python -m deploy.grafana.build`, from monitoring.alerts; change it there.\n"
PENDING, KEEP_FIRING, EVERY = "2m", "10m", "1m"
FIRING = 'max(ragsite_alert_firing{{alert="{name}"}})'
# 0 where Prometheus has no series of any rule: the site is down, or is not scraped
HEARD = "count(ragsite_alert_firing) or vector(0)"
LOOK_BACK_SECONDS = 600
QUIET = "OK"
SITE = "${RAGSITE_PUBLIC_URL}"  # Grafana puts the variable of its environment in


def alert_rules(rules: Iterable[Rule], *, dashboard_uid: str, panel_id: int) -> str:
    """Return the provisioning file; each rule leads to the panel that shows them all."""
    panel = {"dashboardUid": dashboard_uid, "panelId": panel_id}
    group = {
        "orgId": 1,
        "name": "ragsite",
        "folder": "ragsite",
        "interval": EVERY,
        "rules": [_unheard(panel), *(_rule(rule, panel) for rule in rules)],
    }
    document = {"apiVersion": 1, "groups": [group]}
    return HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _rule(rule: Rule, panel: dict[str, Any]) -> dict[str, Any]:
    window = f" over {rule.window}" if rule.window else ""
    return {
        "uid": uid(rule.name),
        "title": rule.title,
        "condition": "B",
        "data": _data(FIRING.format(name=rule.name), "gt", 0.5),
        **panel,
        # no series of this rule while others are there: its part of the scrape failed, which `unheard` cannot tell
        "noDataState": QUIET,
        "execErrState": "Error",
        "for": PENDING,
        "keepFiringFor": KEEP_FIRING,
        "labels": {"severity": str(rule.severity)},
        "annotations": {
            "summary": rule.title,
            "description": f"{rule.meaning} It fires above {rule.threshold:g} ({rule.unit}){window}.",
            "runbook": f"docs/runbooks/{rule.runbook}.md",
            "runbook_url": f"{SITE}/admin/runbooks/{rule.runbook}/",
        },
    }


def _unheard(panel: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": uid("unheard"),
        "title": "Nothing is heard of ragsite",
        "condition": "B",
        "data": _data(HEARD, "lt", 0.5),
        **panel,
        "noDataState": "Alerting",
        "execErrState": "Alerting",
        "for": "5m",
        "labels": {"severity": str(Severity.CRITICAL)},
        "annotations": {
            "summary": "Nothing is heard of ragsite",
            "description": "Prometheus has no series of the alert rules: the site is down, or is not scraped. "
            "No other rule can fire until that is mended.",
            "runbook": "docs/grafana.md",
        },
    }


def uid(name: str) -> str:
    return f"ragsite-{name.replace('_', '-')}"


def _data(expression: str, comparison: str, limit: float) -> list[dict[str, Any]]:
    """The query and the condition, as Grafana's expressions have them."""
    query = (
        Dataquery()
        .expr(expression)
        .instant()
        .format(PromQueryFormat.TIME_SERIES)
        .datasource(PROMETHEUS)
        .ref_id("A")
        .build()
    )
    condition = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "conditions": [{"evaluator": {"type": comparison, "params": [limit]}}],
    }
    return [
        {
            "refId": "A",
            "relativeTimeRange": {"from": LOOK_BACK_SECONDS, "to": 0},
            "datasourceUid": PROMETHEUS.uid,
            "model": json.loads(json.dumps(query, cls=JSONEncoder)),
        },
        {"refId": "B", "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__", "model": condition},
    ]
