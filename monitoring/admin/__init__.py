"""The admin of what monitoring has: one file an area."""

from monitoring.admin import datasets, flags, generations, review_items, rules, runs, scores

__all__ = ["datasets", "flags", "generations", "review_items", "rules", "runs", "scores"]
