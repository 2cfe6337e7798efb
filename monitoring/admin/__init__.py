"""The admin of what monitoring has: one file an area."""

from monitoring.admin import datasets, generations, runs

__all__ = ["datasets", "generations", "runs"]
