"""The admin of what monitoring has: one file an area."""

from monitoring.admin import runs

__all__ = ["runs"]
