"""The parts of a comparison's page: what is said of each measure, and the questions on which two runs differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from monitoring.admin import charts
from monitoring.admin.measure_names import measure_description, measure_label
from monitoring.admin.report_parts import drawn
from monitoring.evaluation.comparison import CandidateComparison, Change, changes
from monitoring.evaluation.results import RunResults
from monitoring.models import EvaluationRun
from monitoring.statistics.comparison import Comparison
from monitoring.statistics.intervals import Interval

Shown = Literal["lost", "won", "all"]
NO_DIFFERENCE = "no difference that can be told from chance"
SMALLEST_P = 0.001  # what is smaller is written as smaller


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """One measure of baseline and candidate on the questions that both have; `tone` is how the row looks."""

    name: str
    label: str
    description: str
    baseline: Interval | None
    candidate: Interval | None
    comparison: Comparison
    whisker: charts.Whisker | None
    words: str
    p_value: str
    tone: Literal["better", "worse", "same", "noise"]

    @property
    def noise_floor(self) -> float | None:
        return self.comparison.noise_floor


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A candidate against the baseline, on an axis that all its measures share."""

    run: EvaluationRun
    common_items: int
    left_out: int  # questions that only one of the two has
    rows: tuple[ComparedMeasure, ...]
    not_compared: tuple[tuple[str, str], ...]  # measures, and why not
    axis: charts.Axis

    @property
    def is_repeated(self) -> bool:
        """Whether it is known how much of a difference is noise."""
        return any(row.noise_floor is not None for row in self.rows)


def compared_run(found: CandidateComparison, baseline: RunResults, candidate: RunResults) -> ComparedRun:
    """Return what a page shows of a candidate."""
    ends = [
        end
        for one in found.measures.values()
        for end in (one.paired.difference.low, one.paired.difference.high)
        if end is not None
    ]
    axis = charts.difference_axis(ends)
    common = baseline.clusters.keys() & candidate.clusters.keys()
    rows = tuple(_row(name, one, baseline, candidate, common, axis) for name, one in found.measures.items())
    return ComparedRun(
        run=found.run,
        common_items=found.common_items,
        left_out=len(baseline.clusters.keys() ^ candidate.clusters.keys()),
        rows=rows,
        not_compared=tuple((measure_label(name), reason) for name, reason in found.left_out.items()),
        axis=axis,
    )


def changed(baseline: RunResults, candidate: RunResults, measure: str) -> Mapping[Shown, Sequence[Change]]:
    """Return the questions on which two runs differ, the largest change first."""
    lost = changes(baseline, candidate, measure=measure, kind="lost")
    won = changes(baseline, candidate, measure=measure, kind="won")
    both = sorted([*lost, *won], key=lambda change: (-abs(change.candidate - change.baseline), change.item_id))
    return {"lost": lost, "won": won, "all": both}


def _row(
    name: str, one: Comparison, baseline: RunResults, candidate: RunResults, common: set[int], axis: charts.Axis
) -> ComparedMeasure:
    scored = {
        item_id
        for item_id in common
        if baseline.values[name].get(item_id) is not None and candidate.values[name].get(item_id) is not None
    }
    return ComparedMeasure(
        name=name,
        label=measure_label(name),
        description=measure_description(name),
        baseline=baseline.interval(name, scored),
        candidate=candidate.interval(name, scored),
        comparison=one,
        whisker=drawn(one.paired.difference, axis, mark=0.0),
        words=one.outcome if one.outcome != "no difference" else NO_DIFFERENCE,
        p_value="p < 0.001" if one.corrected_p_value < SMALLEST_P else f"p = {one.corrected_p_value:.3f}",
        tone=_tone(one),
    )


def _tone(one: Comparison) -> Literal["better", "worse", "same", "noise"]:
    if one.noise_floor and abs(one.paired.difference.value) <= one.noise_floor:  # 0: asking again changes nothing
        return "noise"
    return "same" if one.outcome == "no difference" else one.outcome
