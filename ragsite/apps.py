"""The composition root as an application: system checks, site-wide templates and commands."""

from importlib import import_module

from django.apps import AppConfig


class RagsiteConfig(AppConfig):
    name = "ragsite"

    def ready(self) -> None:
        import_module("ragsite.checks")  # registers them
