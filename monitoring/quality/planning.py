"""The label plan of a judge version: what its labels and verdicts so far say, put into the arithmetic of plan.py."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.judges.criteria import Criterion
from monitoring.quality.agreement import Agreement
from monitoring.quality.labelled import LabelledTurn
from monitoring.quality.plan import Plan, Rates, plan_labels
from monitoring.quality.weighting import Judged

# Nothing is known without labels; these are cautious, and the page says that they are taken.
ASSUMED_IF_CALLED, ASSUMED_IF_NOT = 0.5, 0.1
# One failing and one good turn that nobody has seen yet, half each: shares of 0 and 1 would promise certainty.
UNSEEN = 0.5
WIDEST_EFFECT = 5.0


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """How many labels there are of both kinds and how many are wanted; `assumed`: some rates are no measured ones."""

    plan: Plan | None
    reason: str = ""
    rates: Rates | None = None
    has_called: int = 0
    has_others: int = 0
    assumed: bool = False

    @property
    def more_called(self) -> int:
        return max(self.plan.called - self.has_called, 0) if self.plan else 0

    @property
    def more_others(self) -> int:
        return max(self.plan.others - self.has_others, 0) if self.plan else 0


def label_plan(
    turns: Sequence[LabelledTurn], judged: Judged, agreement: Agreement, criterion: Criterion, half_width: float
) -> LabelPlan:
    """Return how many more labels bring sensitivity, specificity and kappa (failing or not) to plus or minus that."""
    if not judged.total:
        return LabelPlan(None, "It has judged nothing yet, so there is nothing to label.")
    if not 0 < judged.failing < judged.total:
        said = "failing" if judged.failing else "not failing"
        return LabelPlan(None, f"It calls all {judged.total:,} turns {said}: there are no two kinds to choose from.")
    kinds = Counter(
        (criterion.is_failing(turn.judge_label), criterion.is_failing(turn.reviewer_label)) for turn in turns
    )
    called = kinds[True, True] + kinds[True, False]
    others = kinds[False, True] + kinds[False, False]
    rates = Rates(
        failing_share=judged.failing / judged.total,
        failing_if_called=_share(kinds[True, True], called, ASSUMED_IF_CALLED),
        failing_if_not=_share(kinds[False, True], others, ASSUMED_IF_NOT),
        design_effect=design_effect(agreement),
    )
    plan = plan_labels(rates, half_width)
    return LabelPlan(plan, rates=rates, has_called=called, has_others=others, assumed=not called or not others)


def design_effect(agreement: Agreement) -> float:
    """Return how much wider the squared interval of the agreement is for conversations than for turns alone: 1 or
    more, and 1 where nothing is known."""
    interval = agreement.agreement.interval
    if interval is None or interval.low is None or interval.high is None or not 0 < interval.value < 1:
        return 1.0
    alone = interval.value * (1 - interval.value) / agreement.turns
    spread = ((interval.high - interval.low) / (2 * 1.96)) ** 2
    return min(max(spread / alone, 1.0), WIDEST_EFFECT)


def _share(count: int, total: int, assumed: float) -> float:
    return (count + UNSEEN) / (total + 2 * UNSEEN) if total else assumed
