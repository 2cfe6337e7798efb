"""When a person must look: each rule is stated once, and the dashboard, /metrics, Prometheus and Grafana read it."""

from monitoring.alerts.base import Measured, Moment, Reading, Rule, Severity
from monitoring.alerts.evaluating import evaluate
from monitoring.alerts.rules import RULES

__all__ = ["RULES", "Measured", "Moment", "Reading", "Rule", "Severity", "evaluate"]
