"""What is known of an experiment at one time, as pages, the API and commands read it. `results` makes it.

Differences are variant less control, in the KPI's own unit. None: unknown, or nothing to count yet.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitoring.experiments.kpis import Kpi

Role = Literal["primary", "guardrail", "secondary"]
# A guardrail is broken where the KPI is surely worse by more than the margin, kept where it surely is not, open else.
GuardrailState = Literal["broken", "kept", "open"]
VerdictKind = Literal[
    "draft",  # not started
    "no_data",  # nobody has met the variants
    "invalid",  # not split as planned
    "harmful",  # a guardrail is broken
    "early",  # before the least days or units
    "better",
    "worse",
    "no_difference",  # none larger than the smallest effect
    "undecided",
    "same",  # A/A: nothing found, as it should be
    "false_alarm",  # A/A: a difference was found
]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A failing share as it would be if the judge never erred (Rogan and Gladen), and how it is known to err."""

    control: float
    value: float
    difference: float
    low: float | None
    high: float | None
    sensitivity: float
    specificity: float
    labels: float  # labelled answers that the two rest on


@dataclass(frozen=True, slots=True)
class Compared:
    """One KPI of one variant against the control.

    `low` to `high` holds at all looks at once, with `alpha` already shared between all figures of its role;
    `fixed_low` to `fixed_high` only if one looks once, at one figure. `units` have something to count; `n` is how much.
    """

    kpi: Kpi
    role: Role
    control: float | None
    value: float | None
    control_units: int
    units: int
    control_n: float
    n: float
    difference: float | None
    low: float | None
    high: float | None
    fixed_low: float | None
    fixed_high: float | None
    alpha: float
    margin: float | None = None  # of a guardrail
    state: GuardrailState | None = None  # of a guardrail
    corrected: Corrected | None = None

    @property
    def is_sure(self) -> bool:
        """Whether there surely is a difference."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    @property
    def is_better(self) -> bool:
        return self.is_sure and self.kpi.is_better(self.difference or 0.0)

    @property
    def is_worse(self) -> bool:
        return self.is_sure and not self.kpi.is_better(self.difference or 0.0)


@dataclass(frozen=True, slots=True)
class Power:
    """How much it takes to find the smallest effect, both variants (control and one other) together."""

    units_needed: int | None  # None: what a unit does varies in a way that is not known yet
    units: int  # that there are
    units_per_day: float | None  # that come newly, of late
    days_left: int | None  # None: not known; 0: there are enough
    power_now: float | None  # of finding the smallest effect with what there is, 0..1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to say, and what to do. `is_final`: whether one may stop with it."""

    kind: VerdictKind
    text: str
    advice: str
    is_final: bool
    variant_id: int | None = None  # the one that it is of


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """A variant; the control has no comparisons, and no verdict."""

    variant_id: int
    name: str
    config_id: int
    config: str
    is_control: bool
    share: float  # planned, 0..1
    units: int  # that met it, without pinned users
    got: float | None  # share of all units, 0..1
    values: dict[str, float | None]  # by KPI
    comparisons: tuple[Compared, ...] = ()
    verdict: Verdict | None = None
    power: Power | None = None

    def compared(self, kpi: str) -> Compared | None:
        """Return the comparison of that KPI; None where there is none, as for the control."""
        return next((one for one in self.comparisons if one.kpi.name == kpi), None)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Whether units were divided as planned. `p_value` holds at all looks; None: nobody has met a variant."""

    p_value: float | None
    is_raised: bool


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """The version of the judge whose verdicts count for a criterion: the one with the most. Numbers 0..1; None: not
    known."""

    criterion: str
    judge: str
    version: str
    judge_version_id: int
    is_proven: bool
    verdicts: int
    sensitivity: float | None
    specificity: float | None
    failing_labels: float
    other_labels: float


@dataclass(frozen=True, slots=True)
class Results:
    """An experiment at `at`. `verdict` is that of the variant that matters most."""

    experiment_id: int
    at: datetime
    days: float  # of running
    primary: Kpi
    smallest_effect: float
    variants: tuple[VariantFigures, ...]  # the control first
    mismatch: Mismatch
    judges: tuple[JudgedBy, ...]
    is_novel: bool  # in its first days, when people try what is new
    verdict: Verdict

    @property
    def control(self) -> VariantFigures:
        return self.variants[0]

    @property
    def others(self) -> tuple[VariantFigures, ...]:
        return self.variants[1:]

    @property
    def guardrails(self) -> tuple[tuple[VariantFigures, Compared], ...]:
        """Return each guardrail of each variant."""
        return tuple((other, one) for other in self.others for one in other.comparisons if one.role == "guardrail")
