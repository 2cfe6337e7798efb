"""What tuning found: the settings that were best, what they are worth on questions they were not chosen by, and the
similarity below which an answer is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chat.models import PipelineConfig
from chat.rag.config import Fusion
from monitoring.evaluation.comparison import HEADLINE_MEASURES
from monitoring.evaluation.questions import Question, items_of, load_questions
from monitoring.evaluation.retrieval import QuestionVectors, Ranking
from monitoring.evaluation.tuning import measured, rank_all, tunable_recipe
from monitoring.exceptions import EvaluationError
from monitoring.models import DatasetItem, EvaluationRun
from monitoring.statistics.comparison import Comparison, compare

# A wrong refusal cannot be mended, while a model that is given poor hits still says that they do not answer.
MAX_WRONG_REFUSALS = 0.01
# With fewer questions that nothing answers, a share of them says nothing.
MIN_UNANSWERABLE = 10


@dataclass(frozen=True, slots=True)
class Part:
    """A split of a dataset: its questions, and the cluster of each."""

    name: str
    questions: tuple[Question, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a threshold of similarity does: shares of questions that are refused."""

    threshold: float
    answerable: float  # refused wrongly
    unanswerable: float  # refused rightly


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of a config, and the one that the questions of a split suggest."""

    before: Refusals
    after: Refusals
    n_answerable: int
    n_unanswerable: int


def load_part(run: EvaluationRun) -> Part:
    """Return the questions that a run would have; the run is not stored. Raises EvaluationError where it has none."""
    rows = list(items_of(run).values_list("pk", "cluster"))
    if not rows:
        counted = DatasetItem.objects.filter(dataset=run.dataset).in_version(run.version)
        splits = ", ".join(sorted({split.lower() for split in counted.values_list("split", flat=True)})) or "none"
        raise EvaluationError(f"Dataset {run.dataset} has no questions in split {run.split.lower()}; it has: {splits}.")
    loaded = load_questions([pk for pk, _ in rows])
    return Part(run.split.lower(), tuple(loaded[pk] for pk, _ in rows), tuple(cluster for _, cluster in rows))


def compare_settings(
    config: PipelineConfig, part: Part, *, start: Fusion, best: Fusion, k: int, vectors: QuestionVectors
) -> dict[str, Comparison]:
    """Compare settings question by question."""
    recipe = tunable_recipe(config)
    before, after = (
        rank_all(config, part.questions, vectors, replace(recipe, fusion=fusion)) for fusion in (start, best)
    )
    return compare(
        baseline={name: measured(part.questions, before, measure=name, k=k) for name in HEADLINE_MEASURES},
        candidate={name: measured(part.questions, after, measure=name, k=k) for name in HEADLINE_MEASURES},
        clusters=part.clusters,
    )


def suggest_threshold(
    config: PipelineConfig, part: Part, *, fusion: Fusion, vectors: QuestionVectors
) -> Threshold | None:
    """Return the highest threshold, in steps of 0.01, that refuses at most MAX_WRONG_REFUSALS of the answerable
    questions; None where the split has too few that nothing answers to tell what it catches."""
    rankings = rank_all(config, part.questions, vectors, replace(tunable_recipe(config), fusion=fusion))
    answerable = _similarities(part.questions, rankings, is_answerable=True)
    unanswerable = _similarities(part.questions, rankings, is_answerable=False)
    if len(unanswerable) < MIN_UNANSWERABLE or not answerable:
        return None
    steps = [round(step * 0.01, 2) for step in range(100)]
    allowed = [step for step in steps if _share_below(answerable, step) <= MAX_WRONG_REFUSALS]
    before, after = (
        Refusals(threshold, _share_below(answerable, threshold), _share_below(unanswerable, threshold))
        for threshold in (config.min_similarity, max(allowed, default=0.0))
    )
    return Threshold(before, after, len(answerable), len(unanswerable))


def describe(fusion: Fusion, start: Fusion) -> str:
    """Return settings in words: method and weight, and what else differs from `start`."""
    parts = [f"{fusion.method}", f"text weight {fusion.text_weight:g}"]
    found: Mapping[str, object] = {"rrf k": fusion.rrf_k, "depth": fusion.depth}
    usual: Mapping[str, object] = {"rrf k": start.rrf_k, "depth": start.depth}
    for name in ("k1", "b", "title_weight", "heading_weight"):
        found, usual = {**found, name: getattr(fusion.bm25, name)}, {**usual, name: getattr(start.bm25, name)}
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in found.items() if value != usual[name]]
    return ", ".join(parts)


def _similarities(questions: Sequence[Question], rankings: Sequence[Ranking], *, is_answerable: bool) -> list[float]:
    """The similarity of the best hit of each question; one without hits is refused at any threshold."""
    return [
        -1.0 if ranking.best_similarity is None else ranking.best_similarity
        for question, ranking in zip(questions, rankings, strict=True)
        if question.is_answerable is is_answerable
    ]


def _share_below(similarities: Sequence[float], threshold: float) -> float:
    return float(np.mean(np.asarray(similarities) < threshold))
