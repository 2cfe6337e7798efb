"""Finding better settings of a config's hybrid search: chosen on one split, reported once on another.

Each trial searches all questions of the split with other settings and takes the mean of a measure. Where there are no
more combinations than trials allowed, all are tried; else SciPy's differential evolution chooses. What it finds is the
best of many, so its value on the split it was chosen by is too good; the other split tells what it is worth.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from chat.models import PipelineConfig
from chat.models.conversation import Origin
from chat.rag.config import Bm25, Fusion, FusionMethod, Recipe, SearchMode
from chat.services.turns import record_calls
from monitoring.evaluation.measures.registry import RETRIEVAL_MEASURES
from monitoring.evaluation.questions import Question
from monitoring.evaluation.retrieval import BATCH_QUESTIONS, QuestionVectors, Ranking, Searcher
from monitoring.exceptions import EvaluationError

Space = Mapping[str, Sequence[object]]

# What a config can hold. Steps of 0.05: finer ones only fit the questions at hand.
SAVED: Space = {"method": tuple(FusionMethod), "text_weight": tuple(round(step * 0.05, 2) for step in range(21))}
# Also what the code has one value of for all configs: to choose that value by.
ALL: Space = {
    **SAVED,
    "rrf_k": (1, 2, 5, 10, 20, 40, 60, 80),
    "depth": (10, 20, 30, 50, 75, 100),
    "k1": (0.6, 0.9, 1.2, 1.5, 1.8),
    "b": (0.3, 0.45, 0.6, 0.75, 0.9),
    "title_weight": (1.0, 1.5, 2.0, 3.0, 4.0),
    "heading_weight": (0.5, 1.0, 1.5, 2.0),
}
_BM25 = frozenset({"k1", "b", "title_weight", "heading_weight"})
POPULATION = 12  # of differential evolution; small, as a trial takes seconds
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings, and the mean of the measure with them."""

    fusion: Fusion
    value: float


class Trials:
    """Tries settings on questions, each once."""

    def __init__(
        self,
        config: PipelineConfig,
        questions: Sequence[Question],
        *,
        measure: str,
        k: int,
        vectors: QuestionVectors,
        on_trial: Callable[[], None] = lambda: None,
    ) -> None:
        """Raises EvaluationError where the config has nothing to tune, or no question can be scored."""
        self._config, self._measure, self._k, self._vectors = config, measure, k, vectors
        self._recipe = tunable_recipe(config)
        self._questions = [question for question in questions if not question.unscored]
        self._on_trial = on_trial
        self.tried: dict[Fusion, float] = {}
        if measure not in RETRIEVAL_MEASURES or RETRIEVAL_MEASURES[measure].level != "document":
            known = ", ".join(name for name, one in RETRIEVAL_MEASURES.items() if one.level == "document")
            raise EvaluationError(f'Settings cannot be tuned by "{measure}"; choose one of {known}.')
        if not self._questions:
            raise EvaluationError("No question of this split names a relevant document: nothing to tune by.")

    def value(self, fusion: Fusion) -> float:
        """Return the mean of the measure with these settings."""
        if fusion not in self.tried:
            rankings = rank_all(self._config, self._questions, self._vectors, replace(self._recipe, fusion=fusion))
            values = measured(self._questions, rankings, measure=self._measure, k=self._k)
            self.tried[fusion] = float(np.mean([value for value in values if value is not None]))
            self._on_trial()
        return self.tried[fusion]


def tunable_recipe(config: PipelineConfig) -> Recipe:
    """Return the config's recipe. Raises EvaluationError where its search has no settings to tune."""
    recipe = config.recipe()
    if recipe.search_mode is not SearchMode.HYBRID:
        raise EvaluationError(
            f"{config} searches by {recipe.search_mode} only; hybrid search alone has settings to tune."
        )
    if not recipe.is_plain_search:
        raise EvaluationError(f"{config} has stages behind its search (re-ranking or others); tune one without them.")
    return recipe


def tune(trials: Trials, *, start: Fusion, space: Space, max_trials: int, seed: int) -> list[Trial]:
    """Try settings, and return all that were tried, the best first. Of settings that are equally good, those of `start`
    come first, then those that were tried first."""
    trials.value(start)
    if prod(len(values) for values in space.values()) <= max_trials:
        for choice in product(*space.values()):
            trials.value(fusion_of(dict(zip(space, choice, strict=True)), start))
    else:
        _evolve(trials, start=start, space=space, max_trials=max_trials, seed=seed)
    found = [Trial(fusion, value) for fusion, value in trials.tried.items()]
    return sorted(found, key=lambda trial: (-round(trial.value / _SAME), trial.fusion != start))


def fusion_of(choice: Mapping[str, object], start: Fusion) -> Fusion:
    """Return `start` with other values by name."""
    bm25 = {name: value for name, value in choice.items() if name in _BM25}
    rest = {name: value for name, value in choice.items() if name not in _BM25}
    changed: Bm25 = replace(start.bm25, **bm25)  # type: ignore[arg-type] # the values of a space fit their names
    return replace(start, bm25=changed, **rest)  # type: ignore[arg-type] # values fit their names


def _evolve(trials: Trials, *, start: Fusion, space: Space, max_trials: int, seed: int) -> None:
    """Each coordinate is the place of a value in its list, so that whole numbers and names are searched alike."""

    from scipy.optimize import differential_evolution  # takes half a second to load, and nothing else needs it

    class EnoughError(Exception):
        """The trials are used up."""

    def loss(places: NDArray[np.float64]) -> float:
        if len(trials.tried) >= max_trials:
            raise EnoughError
        choice = {name: values[round(place)] for (name, values), place in zip(space.items(), places, strict=True)}
        return -trials.value(fusion_of(choice, start))

    dice = np.random.default_rng(seed)
    first = np.array([[dice.integers(len(values)) for values in space.values()] for _ in range(POPULATION)], float)
    with suppress(EnoughError):
        differential_evolution(
            loss,
            bounds=[(0, len(values) - 1) for values in space.values()],
            integrality=[True] * len(space),
            init=first,
            maxiter=max_trials,
            polish=False,
            rng=dice,
        )


def rank_all(
    config: PipelineConfig, questions: Sequence[Question], vectors: QuestionVectors, recipe: Recipe
) -> list[Ranking]:
    """Return the ranking of each question."""
    searcher = Searcher(config, vectors, recipe)
    rankings: list[Ranking] = []
    for begin in range(0, len(questions), BATCH_QUESTIONS):
        rankings += searcher.rankings(questions[begin : begin + BATCH_QUESTIONS])
        record_calls(calls=searcher.calls, origin=Origin.EVALUATION)
    return rankings


def measured(questions: Sequence[Question], rankings: Sequence[Ranking], *, measure: str, k: int) -> list[float | None]:
    """Return a measure of each ranking's documents; None where nothing relevant is known."""
    function = RETRIEVAL_MEASURES[measure].function
    return [
        None if question.unscored else function(question.document_grades, ranking.document_ids, k).value
        for question, ranking in zip(questions, rankings, strict=True)
    ]
