"""Two or more runs side by side, item by item: which config is better, how sure that is, and on which questions.

The first run is the baseline. Both must have got the same questions, which is the same split of the same version of a
dataset, with the same cutoff. Of these, the items that both have a value for are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from monitoring.evaluation.measures.registry import RETRIEVAL_MEASURES
from monitoring.evaluation.report import main_measure
from monitoring.evaluation.results import RunResults, Values, load_repetitions, load_results
from monitoring.exceptions import EvaluationError
from monitoring.judges.registry import EVALUATION_JUDGES
from monitoring.models import DatasetItem, EvaluationRun
from monitoring.statistics.comparison import Comparison, compare
from monitoring.statistics.noise import noise_floor

HEADLINE_MEASURES = ("hit_rate", "mrr", "ndcg")
# What is not compared unless it is asked for: it says nearly the same as others, and each measure more makes it harder
# to tell a difference from chance.
_SAID_BY_OTHERS = frozenset({*RETRIEVAL_MEASURES, "rouge_1", "rouge_2"} - {*HEADLINE_MEASURES})


@dataclass(frozen=True, slots=True)
class Change:
    """An item on which two runs differ, by the comparison's main measure."""

    item_id: int
    question: str
    baseline: float
    candidate: float


@dataclass(frozen=True, slots=True)
class CandidateComparison:
    """One run against the baseline. `lost` and `won` are by `main_measure`, the largest change first; `left_out` says
    of measures why they cannot be compared."""

    run: EvaluationRun
    measures: Mapping[str, Comparison]
    main_measure: str
    common_items: int
    lost: tuple[Change, ...]
    won: tuple[Change, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """All runs against the first one."""

    baseline: EvaluationRun
    candidates: tuple[CandidateComparison, ...]


def compare_runs(
    runs: Sequence[EvaluationRun], *, measures: Sequence[str] = (), main: str = "", max_changes: int = 200
) -> RunComparison:
    """Compare each run with the first, by `measures` (empty: those of HEADLINE_MEASURES and of answers that both have).

    `main`: the measure that won and lost items are by. Raises EvaluationError for runs that cannot be compared.
    """
    check_comparable(runs)
    baseline, *candidates = [load_results(run) for run in runs]
    if unknown := sorted(set(measures) - baseline.values.keys()):
        raise EvaluationError(f"Run {runs[0].pk} has no {', '.join(unknown)}; it has {', '.join(baseline.values)}.")
    return RunComparison(
        runs[0],
        tuple(_compare(baseline, one, measures=measures, main=main, limit=max_changes) for one in candidates),
    )


def check_comparable(runs: Sequence[EvaluationRun]) -> None:
    """Raise EvaluationError where runs do not answer the same question."""
    if len(runs) < 2:
        raise EvaluationError("A comparison needs two runs or more.")
    if len({run.pk for run in runs}) < len(runs):
        raise EvaluationError("A run cannot be compared with itself; choose different ones.")
    if len({run.dataset_id for run in runs}) > 1:
        raise EvaluationError("The runs are on different datasets, which share no questions.")
    first = runs[0]
    for run in runs[1:]:
        if (run.version, run.split) != (first.version, first.split):
            raise EvaluationError(
                f"Run {first.pk} is on {_questions(first)}, run {run.pk} on {_questions(run)}:"
                " they did not get the same questions. Run one of them again on those of the other."
            )
    if len({run.k for run in runs}) > 1:
        cutoffs = ", ".join(f"run {run.pk}: {run.k}" for run in runs)
        raise EvaluationError(f"The runs have different cutoffs k ({cutoffs}); evaluate one of them again.")


def _questions(run: EvaluationRun) -> str:
    splits = "all splits" if run.split == EvaluationRun.ALL_SPLITS else f"the {run.get_split_display()} split"
    return f"{splits} of version {run.version}"


def headline(names: Mapping[str, object]) -> list[str]:
    """Return those of the measures that are compared unless others are asked for."""
    return [name for name in names if name not in _SAID_BY_OTHERS]


def changes(
    baseline: RunResults, candidate: RunResults, *, measure: str, kind: Literal["lost", "won"], limit: int | None = None
) -> tuple[Change, ...]:
    """Return the items on which the candidate is lower ("lost") or higher ("won"), the largest change first."""
    before, after = baseline.values.get(measure, {}), candidate.values.get(measure, {})
    sign = -1 if kind == "lost" else 1
    found = [
        (sign * (new - old), item_id, old, new)
        for item_id, old in before.items()
        if old is not None and (new := after.get(item_id)) is not None and sign * (new - old) > 0
    ]
    found = sorted(found, key=lambda change: (-change[0], change[1]))[:limit]
    questions = dict(
        DatasetItem.objects.filter(pk__in=[item_id for _, item_id, _, _ in found]).values_list("pk", "question")
    )
    return tuple(Change(item_id, questions[item_id], old, new) for _, item_id, old, new in found)


def _compare(
    baseline: RunResults, candidate: RunResults, *, measures: Sequence[str], main: str, limit: int
) -> CandidateComparison:
    item_ids = [item_id for item_id in baseline.clusters if item_id in candidate.clusters]
    wanted = [name for name in measures or headline(baseline.values) if name in baseline.values]
    left_out = {name: reason for name in wanted if (reason := _other_judge(name, baseline, candidate))}
    names = [name for name in wanted if name not in left_out]
    compared = compare(
        baseline={name: _column(baseline.values[name], item_ids) for name in names},
        candidate={name: _column(values, item_ids) for name, values in candidate.values.items()},
        clusters=[baseline.clusters[item_id] for item_id in item_ids],
        noise_floors=_noise_floors(baseline.run, candidate.run, names, item_ids),
    )
    measure = main if main in compared else main_measure(compared)
    return CandidateComparison(
        run=candidate.run,
        measures=compared,
        main_measure=measure,
        common_items=len(item_ids),
        lost=changes(baseline, candidate, measure=measure, kind="lost", limit=limit),
        won=changes(baseline, candidate, measure=measure, kind="won", limit=limit),
        left_out=left_out,
    )


def _other_judge(name: str, baseline: RunResults, candidate: RunResults) -> str:
    """Why verdicts of two runs cannot be compared: they were not given by the same judge. Empty: they can."""
    before, after = (
        f"version {results.judge_versions.get(name, '')}"
        + (
            f" by {results.run.judge_model}"
            if name in EVALUATION_JUDGES and EVALUATION_JUDGES[name].family == "llm"
            else ""
        )
        for results in (baseline, candidate)
    )
    if before == after or name not in candidate.values:
        return ""
    return f"judged otherwise: {before} in run {baseline.run.pk}, {after} in run {candidate.run.pk}"


def _noise_floors(
    baseline: EvaluationRun, candidate: EvaluationRun, names: Sequence[str], item_ids: Sequence[int]
) -> dict[str, float | None]:
    """How far repetition alone moves each difference; empty where neither run was repeated."""
    if baseline.repeat == candidate.repeat == 1:
        return {}
    before, after = load_repetitions(baseline), load_repetitions(candidate)
    return {
        name: noise_floor(*([_column(values, item_ids) for values in run[name]] for run in (before, after)))
        for name in names
        if name in before and name in after
    }


def _column(values: Values, item_ids: Sequence[int]) -> list[float | None]:
    return [values.get(item_id) for item_id in item_ids]
