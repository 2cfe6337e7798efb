"""The tables of an experiment's page: its variants, and what each KPI says of each of them."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from django.urls import reverse

from monitoring.admin import charts
from monitoring.experiments.figures import Compared, Corrected, Results, VariantFigures
from monitoring.experiments.kpis import Kpi
from monitoring.models import Experiment

Tone = Literal["better", "worse", "same"]
BADGES = {"better": "success", "kept": "success", "worse": "danger", "broken": "danger"}


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant: how many it should have got, and did. `turns_url`: the turns that count for it."""

    figures: VariantFigures
    primary: str  # the value of the primary KPI
    turns_url: str
    is_winner: bool


@dataclass(frozen=True, slots=True)
class KpiRow:
    """A KPI of a variant against the control, in words with units; `tone` is how it looks."""

    one: Compared
    control: str
    value: str
    difference: str
    interval: str
    fixed: str
    tone: Tone
    says: str
    whisker: charts.Whisker | None
    corrected: str
    margin: str  # of a guardrail: by how much it may be worse
    badge: str  # the kind of badge that `says` stands in; "": none


@dataclass(frozen=True, slots=True)
class KpiTable:
    """All KPIs of one variant: what decides, what must not get worse, and the others."""

    variant: VariantFigures
    primary: tuple[KpiRow, ...]
    guardrails: tuple[KpiRow, ...]
    secondary: tuple[KpiRow, ...]
    nothing_yet: tuple[str, ...]  # titles of other KPIs that neither variant has anything to count for

    @property
    def parts(self) -> tuple[tuple[str, tuple[KpiRow, ...]], ...]:
        named = (("Primary KPI", self.primary), ("Guardrails", self.guardrails), ("All other KPIs", self.secondary))
        return tuple((title, rows) for title, rows in named if rows)


def variant_rows(experiment: Experiment, found: Results) -> list[VariantRow]:
    """Return the variants, the control first."""
    return [
        VariantRow(
            figures,
            primary=found.primary.value(figures.values.get(found.primary.name)),
            turns_url=turns_url(figures.variant_id),
            is_winner=figures.variant_id == experiment.winner_id,
        )
        for figures in found.variants
    ]


def turns_url(variant_id: int) -> str:
    """Return where the turns are listed that count for a variant."""
    return f"{reverse('admin:chat_turn_changelist')}?{urlencode({'variant': variant_id})}"


def tables_of(found: Results) -> list[KpiTable]:
    """Return a table for each variant but the control."""
    return [kpi_table(variant) for variant in found.others]


def kpi_table(variant: VariantFigures) -> KpiTable:
    """Return the KPIs of a variant; of those that do not decide only the ones that there is something to say of."""
    rows: dict[str, list[KpiRow]] = {"primary": [], "guardrail": [], "secondary": []}
    nothing_yet = []
    for one in variant.comparisons:
        if one.role == "secondary" and not one.n and not one.control_n:
            nothing_yet.append(one.kpi.title)
        else:
            rows[one.role].append(kpi_row(one))
    primary, guardrails, secondary = (tuple(rows[role]) for role in ("primary", "guardrail", "secondary"))
    return KpiTable(variant, primary, guardrails, secondary, tuple(nothing_yet))


def kpi_row(one: Compared) -> KpiRow:
    """Return a KPI in words."""
    width = abs(one.difference) if one.difference else None
    if one.low is not None and one.high is not None:
        width = one.high - one.low
    return KpiRow(
        one=one,
        control=one.kpi.value(one.control, width),
        value=one.kpi.value(one.value, width),
        difference=one.kpi.change(one.difference, width),
        interval=ends(one.kpi, one.low, one.high),
        fixed=ends(one.kpi, one.fixed_low, one.fixed_high),
        tone="better" if one.is_better else "worse" if one.is_worse else "same",
        says=_says(one),
        whisker=_whisker(one),
        corrected=_corrected(one, one.corrected) if one.corrected else "",
        margin=one.kpi.size(one.margin) if one.margin else "",
        badge=BADGES.get(_says(one), ""),
    )


def ends(kpi: Kpi, low: float | None, high: float | None) -> str:
    """Return "+2 to +12 points"; empty where there is no interval."""
    if low is None or high is None:
        return ""
    return kpi.between(low, high).removeprefix("between ").replace(" and ", " to ")


def _says(one: Compared) -> str:
    if one.state == "broken":
        return "broken"
    if one.state == "kept":
        return "kept"
    if one.low is None:
        return f"no {one.kpi.counted} yet" if not one.n or not one.control_n else "too few to compare"
    if one.state == "open":
        return "not sure yet"
    return "better" if one.is_better else "worse" if one.is_worse else "not sure"


def _whisker(one: Compared) -> charts.Whisker | None:
    """Draw a difference on an axis of its own with 0 in the middle: KPIs have no unit in common."""
    if one.difference is None or one.low is None or one.high is None:
        return None
    reach = 1.1 * max(abs(one.low), abs(one.high), 1e-12)
    axis = charts.Axis(-reach, reach)
    return charts.whisker(axis, low=one.low, value=one.difference, high=one.high, mark=0.0)


def _corrected(one: Compared, corrected: Corrected) -> str:
    """Return "8 % against 11 %, -3 points (-7 to +1 points)", with a minus as wide as the plus."""
    kpi = one.kpi
    width = None if corrected.low is None or corrected.high is None else corrected.high - corrected.low
    interval = ends(kpi, corrected.low, corrected.high)
    said = f"{kpi.value(corrected.value, width)} against {kpi.value(corrected.control, width)}"
    return f"{said}, {kpi.change(corrected.difference, width)}" + (f" ({interval})" if interval else "")
