"""What a run says, for pages, commands and the API alike: each measure with its interval and what is unscored, how the
values are spread, how parts of the dataset do, and which items do worst."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from monitoring.evaluation.results import RunResults, load_results
from monitoring.evaluation.slices import Slice, slices_of
from monitoring.models import EvaluationItem, EvaluationRun
from monitoring.statistics.intervals import Interval

BINS = 10
# What parts of a dataset are compared by, and what the worst items are sorted by: the first that the run has.
MAIN_MEASURES = ("mrr", "hit_rate", "ndcg")
SLICED_ANSWER_MEASURES = ("answer_correctness", "answer_similarity", "groundedness_offline", "refusal_correct")


@dataclass(frozen=True, slots=True)
class Bin:
    """How many items have a value from `low` to under `high`; the last bin has its upper end too."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class MeasureSummary:
    """One measure of a run. `interval` is None where no item is scored; `reasons` say how many are not, and why."""

    name: str
    interval: Interval | None
    reasons: Mapping[str, int]
    distribution: tuple[Bin, ...]

    @property
    def unscored(self) -> int:
        return sum(self.reasons.values())


@dataclass(frozen=True, slots=True)
class WorstItem:
    """An item of the run, with the measures that it has."""

    item_id: int
    question: str
    values: Mapping[str, float | None]
    error: str  # why it failed, empty: it did not


@dataclass(frozen=True, slots=True)
class RunSummary:
    """All of a run. `items`: distinct items so far; `cost_usd`: of all calls, None where one is unknown."""

    run: EvaluationRun
    items: int
    failed: int
    measures: Mapping[str, MeasureSummary]
    slices: Mapping[str, tuple[Slice, ...]]  # by what the items are divided by: "tag", "section", "length", ...
    worst: tuple[WorstItem, ...]
    cost_usd: Decimal | None

    @property
    def main_measure(self) -> str:
        """The measure that the worst items are sorted by; empty: the run has none."""
        return main_measure(self.measures)


def summarise(run: EvaluationRun, *, worst: int = 20, with_slices: bool = True) -> RunSummary:
    """Return what a run says, also while it goes on. About ten queries, however many items."""
    results = load_results(run)
    failed = EvaluationItem.objects.filter(run=run).exclude(error="").values("item_id").distinct().count()
    main = [name for name in (*MAIN_MEASURES, *SLICED_ANSWER_MEASURES) if name in results.values]
    return RunSummary(
        run=run,
        items=len(results.clusters),
        failed=failed,
        measures={name: _measure(results, name) for name in results.values},
        slices=slices_of(results, main) if with_slices else {},
        worst=worst_items(results, measure=main_measure(results.values), limit=worst),
        cost_usd=cost_of(run),
    )


def main_measure(names: Mapping[str, object]) -> str:
    """Return the first of the main measures that is there, else the first there is, else an empty text."""
    return next((name for name in MAIN_MEASURES if name in names), next(iter(names), ""))


def worst_items(results: RunResults, *, measure: str, limit: int, offset: int = 0) -> tuple[WorstItem, ...]:
    """Return items by a measure, the lowest first; unscored ones are left out, those that failed come first."""
    errors = dict(EvaluationItem.objects.filter(run=results.run).exclude(error="").values_list("item_id", "error"))
    scored = [(value, item_id) for item_id, value in results.values.get(measure, {}).items() if value is not None]
    ordered = [*sorted(errors), *(item_id for _, item_id in sorted(scored) if item_id not in errors)]
    chosen = ordered[offset : offset + limit]
    questions = dict(
        EvaluationItem.objects.filter(run=results.run, item__in=chosen).values_list("item_id", "item__question")
    )
    return tuple(
        WorstItem(
            item_id=item_id,
            question=questions[item_id],
            values={name: values[item_id] for name, values in results.values.items() if item_id in values},
            error=errors.get(item_id, ""),
        )
        for item_id in chosen
    )


def cost_of(run: EvaluationRun) -> Decimal | None:
    """Return the dollars of all calls for a run so far: answers, verdicts and vectors; None where one is unknown."""
    return None if run.unpriced_calls else run.cost_usd


def histogram(values: Sequence[float], bins: int = BINS) -> tuple[Bin, ...]:
    """Return the spread of values of 0 to 1, in bins of one width."""
    counts: dict[int, int] = defaultdict(int)
    for value in values:
        counts[min(int(value * bins + 1e-9), bins - 1)] += 1
    return tuple(Bin(place / bins, (place + 1) / bins, counts[place]) for place in range(bins))


def _measure(results: RunResults, name: str) -> MeasureSummary:
    return MeasureSummary(
        name=name,
        interval=results.interval(name),
        reasons=results.reasons.get(name, {}),
        distribution=histogram([value for value in results.values[name].values() if value is not None]),
    )
