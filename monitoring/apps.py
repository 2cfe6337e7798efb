"""The monitoring application: it watches what chat announces, evaluates and compares; chat does not know of it."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        from monitoring import receivers  # noqa: F401 # it connects itself
        from monitoring.telemetry import receivers as telemetry_receivers  # noqa: F401 # likewise
