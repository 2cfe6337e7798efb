"""The admin of what monitoring has: one file an area."""

from monitoring.admin import (
    comparisons,
    datasets,
    experiments,
    exports,
    flags,
    generations,
    judge_versions,
    review_items,
    rules,
    runs,
    scores,
    topics,
    turns,
    webhook_deliveries,
    webhooks,
)

__all__ = [
    "comparisons",
    "datasets",
    "experiments",
    "exports",
    "flags",
    "generations",
    "judge_versions",
    "review_items",
    "rules",
    "runs",
    "scores",
    "topics",
    "turns",
    "webhook_deliveries",
    "webhooks",
]
