"""One figure of a variant against the control's: how large the difference is, and how sure.

The primary KPI decides, at the experiment's alpha; where there are several variants they share it (Bonferroni). All
guardrails share one alpha, and so do all other KPIs: with a dozen figures one would else look like a find.
"""

import math
from dataclasses import dataclass

from monitoring.experiments.figures import Compared, Corrected, GuardrailState, JudgedBy, Role
from monitoring.experiments.kpis import KPIS, Kpi
from monitoring.models import Experiment
from monitoring.statistics.corrections import bonferroni
from monitoring.statistics.power import units_needed
from monitoring.statistics.ratios import Difference, Sums, difference
from monitoring.statistics.rogan_gladen import rogan_gladen
from monitoring.statistics.sequences import fixed_interval, sequence_interval

PARTS = ("share", "score")  # units of KPIs whose numerator is a part of the denominator

Ends = tuple[float, float] | tuple[None, None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What each KPI is to an experiment. `margins`: of guardrails, by KPI."""

    primary: str
    smallest_effect: float
    margins: dict[str, float]
    alpha: float
    power: float
    others: int  # variants without the control

    def role(self, kpi: str) -> Role:
        if kpi == self.primary:
            return "primary"
        return "guardrail" if kpi in self.margins else "secondary"

    def alpha_of(self, kpi: str) -> float:
        """Return the alpha of the interval of one KPI of one variant."""
        secondary = len(KPIS.keys() - {self.primary} - self.margins.keys())
        together = {"primary": 1, "guardrail": len(self.margins), "secondary": secondary}[self.role(kpi)]
        return bonferroni(self.alpha, together * self.others)

    def effect_of(self, kpi: Kpi) -> float:
        """Return the size of difference for which the interval is made narrowest."""
        wanted = {"primary": self.smallest_effect, "guardrail": self.margins.get(kpi.name, 0.0), "secondary": 0.0}
        return wanted[self.role(kpi.name)] or kpi.usual_effect


def plan_of(experiment: Experiment, others: int) -> Plan:
    """Return what was planned. One query."""
    margins = dict(experiment.guardrails.values_list("kpi", "margin"))
    return Plan(
        experiment.primary_kpi, experiment.smallest_effect, margins, experiment.alpha, experiment.power, max(others, 1)
    )


def differ(kpi: Kpi, control: Sums, variant: Sums) -> Difference | None:
    """Return by how much the variant is above the control; None where there is too little to say."""
    return difference(control, variant, is_share=kpi.unit in PARTS)


def planned_units(found: Difference, kpi: Kpi, plan: Plan) -> int:
    """Return how many units of both find the effect that was planned for, by the spread that is seen."""
    alpha, effect = plan.alpha_of(kpi.name), plan.effect_of(kpi)
    return units_needed(spread=found.spread, effect=effect, alpha=alpha, power=plan.power)


def compare(kpi: Kpi, control: Sums, variant: Sums, plan: Plan, judge: JudgedBy | None = None) -> Compared:
    """Return the comparison; its difference and intervals are None where there is too little to say."""
    alpha, role = plan.alpha_of(kpi.name), plan.role(kpi.name)
    found = differ(kpi, control, variant)
    ends: Ends = (None, None)
    fixed: Ends = (None, None)
    if found:
        ends = sequence_interval(found, alpha=alpha, planned_units=planned_units(found, kpi, plan))
        fixed = fixed_interval(found, alpha=plan.alpha)
    margin = plan.margins.get(kpi.name) if role == "guardrail" else None
    return Compared(
        kpi=kpi,
        role=role,
        control=control.ratio,
        value=variant.ratio,
        control_units=control.units,
        units=variant.units,
        control_n=control.y,
        n=variant.y,
        difference=_less(variant.ratio, control.ratio),
        low=ends[0],
        high=ends[1],
        fixed_low=fixed[0],
        fixed_high=fixed[1],
        alpha=alpha,
        margin=margin,
        state=None if margin is None else guardrail_state(kpi, margin, ends),
        corrected=_corrected(kpi, control, variant, plan, judge),
    )


def guardrail_state(kpi: Kpi, margin: float, ends: Ends) -> GuardrailState:
    """Return whether the KPI is surely worse by more than the margin, surely not, or neither yet."""
    low, high = ends
    if low is None or high is None:
        return "open"
    least_harm, most_harm = (low, high) if kpi.better == "lower" else (-high, -low)
    if least_harm > margin:
        return "broken"
    return "kept" if most_harm <= margin else "open"


def _less(value: float | None, control: float | None) -> float | None:
    return None if value is None or control is None else value - control


def _corrected(kpi: Kpi, control: Sums, variant: Sums, plan: Plan, judge: JudgedBy | None) -> Corrected | None:
    """Return the failing shares as they would be if the judge never erred; it errs alike on both variants.

    The uncertainty of its sensitivity and specificity is part of the interval (delta method), with one label more of
    each kind, so that errors never seen are not taken for impossible.
    """
    if judge is None or not kpi.is_failing_share or control.ratio is None or variant.ratio is None:
        return None
    sensitivity, specificity = judge.sensitivity, judge.specificity
    if sensitivity is None or specificity is None:
        return None
    values = [rogan_gladen(sums.ratio or 0.0, sensitivity, specificity) for sums in (control, variant)]
    if values[0] is None or values[1] is None:
        return None
    use = sensitivity + specificity - 1
    found = differ(kpi, control, variant)
    ends: Ends = (None, None)
    if found:
        unsure = _label_variance(sensitivity, judge.failing_labels) + _label_variance(specificity, judge.other_labels)
        error = math.hypot(found.error / use, found.value / use**2 * math.sqrt(unsure))
        scaled = Difference(found.value / use, error, found.units_a, found.units_b)
        ends = sequence_interval(scaled, alpha=plan.alpha_of(kpi.name), planned_units=planned_units(scaled, kpi, plan))
    return Corrected(
        control=values[0],
        value=values[1],
        difference=(variant.ratio - control.ratio) / use,
        low=ends[0],
        high=ends[1],
        sensitivity=sensitivity,
        specificity=specificity,
        labels=judge.failing_labels + judge.other_labels,
    )


def _label_variance(share: float, labels: float) -> float:
    """The variance of a share of so many labels, with one more of each kind."""
    more = (share * labels + 1) / (labels + 2)
    return more * (1 - more) / (labels + 2)
