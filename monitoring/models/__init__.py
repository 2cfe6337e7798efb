"""What monitoring stores: questions with known answers, and what configs made of them."""

from monitoring.models.datasets import Dataset, DatasetItem, DatasetVersion, RelevantDocument
from monitoring.models.evaluation import EvaluationItem, EvaluationRun, ItemScore
from monitoring.models.generation import GeneratedQuestion, Generation, GenerationTask

__all__ = [
    "Dataset",
    "DatasetItem",
    "DatasetVersion",
    "EvaluationItem",
    "EvaluationRun",
    "GeneratedQuestion",
    "Generation",
    "GenerationTask",
    "ItemScore",
    "RelevantDocument",
]
