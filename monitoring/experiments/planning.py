"""How much traffic an experiment will need, told while it is a draft, from the traffic of the last four weeks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.experiments.counting import Traffic, arrivals, sums_of, unit_values
from monitoring.experiments.differences import PARTS
from monitoring.experiments.kpis import Kpi
from monitoring.experiments.noise import MINIMUM_UNITS, noise_floor
from monitoring.statistics.corrections import bonferroni
from monitoring.statistics.power import effect_found, planned_spread, units_needed

PAST = timedelta(days=28)
LATER = 14  # days at the end of these, by which what comes after is judged


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is planned: `shares` of the control and of the variant that gets least, and `traffic` of all, 0..1."""

    kpi: Kpi
    effect: float
    alpha: float
    power: float
    shares: tuple[float, float] = (0.5, 0.5)
    others: int = 1  # variants without the control
    traffic: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes. `units_needed`: in control and variant together; `days`: None where no end is in sight;
    `present`: the figure as it is; `noise`: what halves of the same traffic differ by; `least_effect`: what the traffic
    of four weeks would find. None: there is too little traffic to tell."""

    units_needed: int | None
    days: int | None
    units: int  # of the four weeks
    n: float  # what they had to count
    present: float | None
    noise: float | None
    least_effect: float | None


def past(now: datetime, *, unit: str, origin: str = "USER", collection_ids: tuple[int, ...] = ()) -> Traffic:
    """Return the traffic of the four weeks before `now`."""
    return Traffic(now - PAST, now, unit, origin, collection_ids)


def plan_for(wanted: Wanted, traffic: Traffic) -> Plan:
    """Return what an experiment takes, judged by traffic without one. Two queries, which read all its turns."""
    days = arrivals(traffic)
    total = sum(units for _, units in days)
    values = unit_values(traffic).get(wanted.kpi.name)
    if values is None or len(values[0]) < MINIMUM_UNITS:
        return Plan(None, None, total, float(values[1].sum()) if values else 0.0, None, None, None)
    sums = sums_of(*values)
    part = sum(wanted.shares)
    hoped = 0.0 if wanted.kpi.unit != "share" else wanted.effect if wanted.kpi.better == "higher" else -wanted.effect
    spread = planned_spread(sums, share=wanted.shares[1] / part, is_share=wanted.kpi.unit in PARTS, effect=hoped)
    noise = noise_floor(*values)
    if not spread or wanted.effect <= 0:
        return Plan(None, None, total, sums.y, sums.ratio, noise, None)
    alpha = bonferroni(wanted.alpha, wanted.others)
    with_values = units_needed(spread=spread, effect=wanted.effect, alpha=alpha, power=wanted.power)
    # Not all who ask also have something to count, such as a vote.
    needed = round(with_values * total / sums.units)
    there = max(round(sums.units * part * wanted.traffic), 2)
    return Plan(
        units_needed=needed,
        days=days_until(days, needed / (part * wanted.traffic)),
        units=total,
        n=sums.y,
        present=sums.ratio,
        noise=noise,
        least_effect=effect_found(spread=spread, units=there, alpha=alpha, power=wanted.power),
    )


def days_until(arrived: list[tuple[int, int]], units: float) -> int | None:
    """Return on which day so many units will have come, if it goes as in the past four weeks; None: no end is in sight.

    The first days bring all those who ask often, later ones only who is new: after the four weeks it goes on at the
    rate of their last two.
    """
    seen = 0.0
    length = PAST // timedelta(days=1)
    for day, new in arrived:
        seen += new
        if seen >= units:
            return day + 1
    rate = sum(new for day, new in arrived if day >= length - LATER) / LATER
    return length + -int(-(units - seen) // rate) if rate > 0 else None
