"""What monitoring stores: verdicts, what people decided, questions with known answers, and what configs made of it."""

from monitoring.models.comparisons import Comparison, Preference
from monitoring.models.datasets import Dataset, DatasetItem, DatasetVersion, RelevantDocument
from monitoring.models.evaluation import EvaluationItem, EvaluationRun, ItemScore
from monitoring.models.experiments import Experiment, ExperimentLook, Exposure, Guardrail, Pin, Variant
from monitoring.models.exports import Export, ExportPart
from monitoring.models.generation import GeneratedQuestion, Generation, GenerationTask
from monitoring.models.judging import Backfill, JudgeClaim, JudgeRule, JudgeVersion
from monitoring.models.quality import JudgeRepeat
from monitoring.models.reviewing import CorrectedAnswer, Flag, Replay, Review, ReviewItem
from monitoring.models.scores import Score
from monitoring.models.topics import Topic, TopicRun, TopicTurn
from monitoring.models.webhooks import FiringAlert, KnownVerdict, Webhook, WebhookDelivery

__all__ = [
    "Backfill",
    "Comparison",
    "CorrectedAnswer",
    "Dataset",
    "DatasetItem",
    "DatasetVersion",
    "EvaluationItem",
    "EvaluationRun",
    "Experiment",
    "ExperimentLook",
    "Export",
    "ExportPart",
    "Exposure",
    "FiringAlert",
    "Flag",
    "GeneratedQuestion",
    "Generation",
    "GenerationTask",
    "Guardrail",
    "ItemScore",
    "JudgeClaim",
    "JudgeRepeat",
    "JudgeRule",
    "JudgeVersion",
    "KnownVerdict",
    "Pin",
    "Preference",
    "RelevantDocument",
    "Replay",
    "Review",
    "ReviewItem",
    "Score",
    "Topic",
    "TopicRun",
    "TopicTurn",
    "Variant",
    "Webhook",
    "WebhookDelivery",
]
