"""What a draft would take, in words: how many users, about how many days, and how large differences without any cause
are."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from monitoring.admin.experiment_form import DraftForms
from monitoring.experiments.kpis import KPIS, Kpi
from monitoring.experiments.planning import PAST, Plan, Wanted, past, plan_for
from monitoring.models import Experiment
from monitoring.models.experiments import BUCKETS

NEEDED = ("primary_kpi", "smallest_effect", "alpha", "power", "traffic", "unit")
LONG_DAYS = 60


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as the page says it. `rows` are labels with values; `warnings` what to think about before the start."""

    words: str
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def planned_of(forms: DraftForms) -> Planned | None:
    """Return the plan of a form; None while too little of it is filled in."""
    forms.main.is_valid()
    if not forms.main.is_bound or set(NEEDED) & set(forms.main.errors):
        return None
    draft = Experiment()
    forms.main.fill(draft)
    rows = [row.cleaned_data for row in forms.variants if row.is_valid()]
    shares = [row["share"] / 100 for row in rows if row.get("share")]
    collections = [collection.pk for collection in forms.main.cleaned_data.get("collections", [])]
    has_groups = bool(forms.main.cleaned_data.get("groups"))
    return planned(draft, shares if len(shares) > 1 else [0.5, 0.5], collections, has_groups=has_groups)


def planned_for(experiment: Experiment) -> Planned | None:
    """Return the plan of a stored draft; None where it has too few variants."""
    shares = [variant.share / BUCKETS for variant in experiment.variants.all()]
    if len(shares) < 2 or experiment.primary_kpi not in KPIS:
        return None
    collections = [collection.pk for collection in experiment.collections.all()]
    return planned(experiment, shares, collections, has_groups=bool(experiment.groups.all()))


def planned(draft: Experiment, shares: Sequence[float], collections: Sequence[int], *, has_groups: bool) -> Planned:
    """Return what a draft takes, judged by the traffic of the last four weeks."""
    kpi = KPIS[draft.primary_kpi]
    wanted = Wanted(
        kpi=kpi,
        effect=draft.smallest_effect,
        alpha=draft.alpha,
        power=draft.power,
        shares=(shares[0], min(shares[1:])),
        others=len(shares) - 1,
        traffic=draft.traffic / BUCKETS,
    )
    traffic = past(timezone.now(), unit=draft.unit, origin=draft.origin, collection_ids=tuple(collections))
    plan, unit = plan_for(wanted, traffic), Experiment.Unit(draft.unit).label
    return Planned(
        words=_words(plan, kpi, draft, unit),
        rows=_rows(plan, kpi, unit),
        warnings=tuple(_warnings(plan, draft, has_groups=has_groups)),
    )


def _words(plan: Plan, kpi: Kpi, draft: Experiment, unit: str) -> str:
    """Return "A difference of 5 points takes about 1,900 users, at the traffic of the last 4 weeks about 12 days."."""
    effect = kpi.size(draft.smallest_effect)
    if plan.units_needed is None:
        return (
            f"How much traffic a difference of {effect} takes is not known: in the last 4 weeks there were too few"
            f" {kpi.counted} to tell."
        )
    needed = f"A difference of {effect} takes about {rounded(plan.units_needed)} {unit} in control and variant"
    if plan.days is None:
        return f"{needed}. At the traffic of the last 4 weeks no end is in sight."
    days = max(plan.days, draft.minimum_days or 0)
    least = ", the least that was set" if days > plan.days else ""
    return f"{needed}, at the traffic of the last 4 weeks about {days:,} day{'s' if days != 1 else ''}{least}."


def _rows(plan: Plan, kpi: Kpi, unit: str) -> tuple[tuple[str, str], ...]:
    weeks = f"{PAST.days // 7} weeks"
    rows = [
        (f"{kpi.title}, last {weeks}", kpi.value(plan.present)),
        (f"{kpi.counted.capitalize()} in it", f"{plan.n:,.0f}"),
        (f"{unit.capitalize()} in it", f"{plan.units:,}"),
    ]
    if plan.noise is not None:
        rows.append(("Noise floor", kpi.size(_two_digits(plan.noise))))
    if plan.least_effect is not None:
        rows.append((f"{weeks.capitalize()} would find", f"{kpi.size(_two_digits(plan.least_effect))} or more"))
    return tuple(rows)


def _warnings(plan: Plan, draft: Experiment, *, has_groups: bool) -> list[str]:
    found = []
    if plan.noise is not None and draft.smallest_effect < plan.noise:
        found.append(
            "The effect is below the noise floor: two random halves of four weeks' traffic often differ by more."
        )
    if plan.days is not None and plan.days > LONG_DAYS:
        found.append("That is long. A larger effect, more traffic or a KPI that more answers have takes less.")
    if has_groups:
        found.append("It is for some groups only, so it takes longer than all traffic would.")
    return found


def rounded(number: int) -> str:
    """Return a number with the two digits that an estimate has."""
    size = 10 ** max(0, len(str(number)) - 2)
    return f"{round(number / size) * size:,}"


def _two_digits(number: float) -> float:
    """Round to two digits that matter: these are estimates."""
    return float(f"{number:.2g}")
