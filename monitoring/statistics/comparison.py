"""What is said of two configs: "better", "worse" or "no difference", for each of several measures.

Better or worse is said only when three things hold: the p-value, corrected for the number of measures, is under 0.05;
the interval of the difference excludes 0; and the difference is larger than what repetition alone produces, where that
was measured. The more measures are looked at, the more of them differ by chance, hence Holm's correction (Holm, A
simple sequentially rejective multiple test procedure, 1979), which holds for measures that depend on each other.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from monitoring.statistics.paired import PairedDifference, paired_difference

SIGNIFICANCE = 0.05

Outcome = Literal["better", "worse", "no difference"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of candidate and baseline."""

    paired: PairedDifference
    corrected_p_value: float
    noise_floor: float | None  # None: not measured, as nothing was repeated
    outcome: Outcome
    reason: str  # in words, for people


def compare(
    *,
    baseline: Mapping[str, Sequence[float | None]],
    candidate: Mapping[str, Sequence[float | None]],
    clusters: Sequence[Hashable],
    noise_floors: Mapping[str, float | None] | None = None,
    lower_is_better: frozenset[str] = frozenset(),
) -> dict[str, Comparison]:
    """Compare each measure that both have, over the items that both have a value for; in the baseline's order.

    A measure without such items is left out. All values of all measures are in the order of `clusters`.
    """
    pairs = {
        name: paired
        for name, values in baseline.items()
        if name in candidate
        and (paired := paired_difference(baseline=values, candidate=candidate[name], clusters=clusters))
    }
    corrected = holm({name: paired.p_value for name, paired in pairs.items()})
    comparisons = {}
    for name, paired in pairs.items():
        floor = (noise_floors or {}).get(name)
        outcome, reason = decide(paired, corrected[name], floor, higher_is_better=name not in lower_is_better)
        comparisons[name] = Comparison(paired, corrected[name], floor, outcome, reason)
    return comparisons


def decide(
    paired: PairedDifference, corrected_p_value: float, noise_floor: float | None, *, higher_is_better: bool = True
) -> tuple[Outcome, str]:
    """Return the outcome for the candidate, and why."""
    value, low, high = paired.difference.value, paired.difference.low, paired.difference.high
    if low is None or high is None:
        return "no difference", "all items depend on one document, which says nothing of others"
    if low <= 0 <= high:
        return "no difference", "the interval of the difference includes 0"
    if corrected_p_value >= SIGNIFICANCE:
        return "no difference", f"chance alone makes such a difference (p = {corrected_p_value:.2g})"
    if noise_floor is not None and abs(value) <= noise_floor:
        return "no difference", f"repeating one config makes differences of up to {noise_floor:.2g}"
    outcome: Outcome = "better" if (value > 0) is higher_is_better else "worse"
    return outcome, f"the difference is {value:+.3f}, from {low:+.3f} to {high:+.3f}"


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p-values corrected for their number: the smallest times all of them, the next times one less, ..."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for done, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = min(1.0, max(largest, p_value * (len(p_values) - done)))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}
