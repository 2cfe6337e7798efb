"""What monitoring stores: questions with known answers, and what configs made of them."""

from monitoring.models.datasets import Dataset, DatasetItem, DatasetVersion, RelevantDocument
from monitoring.models.evaluation import EvaluationItem, EvaluationRun, ItemScore

__all__ = [
    "Dataset",
    "DatasetItem",
    "DatasetVersion",
    "EvaluationItem",
    "EvaluationRun",
    "ItemScore",
    "RelevantDocument",
]
