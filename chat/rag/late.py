"""Packages that take long to load, and that most processes never use."""

from importlib import import_module
from typing import Any


class LateModule:
    """A module that is loaded when something of it is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
