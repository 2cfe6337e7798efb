"""The admin of what monitoring has: one file an area."""

from monitoring.admin import (
    datasets,
    flags,
    generations,
    judge_versions,
    review_items,
    rules,
    runs,
    scores,
    topics,
    turns,
)

__all__ = [
    "datasets",
    "flags",
    "generations",
    "judge_versions",
    "review_items",
    "rules",
    "runs",
    "scores",
    "topics",
    "turns",
]
