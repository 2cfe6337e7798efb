"""What an experiment says at a time: each figure of each variant against the control, whether the split is right, how
far it is, and the verdict."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from chat.models.conversation import Origin
from monitoring.experiments.counting import Counted, count, exposed, judged_by
from monitoring.experiments.differences import Plan, compare, differ, plan_of, planned_units
from monitoring.experiments.figures import (
    Compared,
    JudgedBy,
    Mismatch,
    Power,
    Results,
    VariantFigures,
)
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.verdicts import Situation, overall, verdict_of
from monitoring.models import Experiment, Variant
from monitoring.statistics.mismatch import THRESHOLD, split_evidence
from monitoring.statistics.power import power_of

NOVELTY = timedelta(days=7)  # so long people try what is new because it is new
LATELY = timedelta(days=7)
MOST_DAYS_LEFT = 730  # more is no estimate any more
REMEMBER_SECONDS = 60  # or as many times as long as counting took, where that is more
FORMAT = 1  # of what is remembered: another number where the dataclasses change


def results(experiment: Experiment, now: datetime) -> Results:
    """Return what is known of an experiment from questions asked before `now`. Six queries; one of them reads all
    turns of its units. A draft has no figures."""
    variants = list(experiment.variants.select_related("config"))
    plan = plan_of(experiment, len(variants) - 1)
    counted, units, lately = _counted(experiment, now)
    judges = judged_by(counted, ("groundedness", "relevance", "toxic_ratio"), is_synthetic=_is_synthetic(experiment))
    mismatch = _mismatch(variants, units)
    days = experiment.runtime(now) / timedelta(days=1)
    total = sum(units.values())
    figures = []
    for variant in variants:
        comparisons: tuple[Compared, ...] = ()
        power = None
        if variant is not variants[0]:
            comparisons = _comparisons(variants[0], variant, counted, plan, judges)
            power = _power(variants[0], variant, counted, plan, units, lately, days, _is_running(experiment, now))
        figures.append(
            VariantFigures(
                variant_id=variant.pk,
                name=variant.name,
                config_id=variant.config_id,
                config=str(variant.config),
                is_control=variant.is_control,
                share=_share(variant, variants),
                units=units.get(variant.pk, 0),
                got=units.get(variant.pk, 0) / total if total else None,
                values={kpi: counted.of(variant.pk, kpi).ratio for kpi in KPIS},
                comparisons=comparisons,
                power=power,
            )
        )
    judged = [_with_verdict(experiment, one, figures, mismatch, days, now) for one in figures]
    return Results(
        experiment_id=experiment.pk,
        at=now,
        days=days,
        primary=KPIS[experiment.primary_kpi],
        smallest_effect=experiment.smallest_effect,
        variants=tuple(judged),
        mismatch=mismatch,
        judges=judges,
        is_novel=_is_running(experiment, now) and days * timedelta(days=1) < NOVELTY,
        verdict=overall([one.verdict for one in judged if one.verdict]),
    )


def latest_results(experiment: Experiment) -> Results:
    """Return the results of this minute, for pages; longer where counting takes seconds, so that pages which are looked
    at all the time do not keep the database busy. `Results.at` says of when they are."""
    key = f"experiment-results-{FORMAT}-{experiment.pk}-{experiment.status}"
    found: Results | None = cache.get(key) if experiment.is_fixed else None
    if found is None:
        begun = time.monotonic()
        found = results(experiment, timezone.now())
        cache.set(key, found, REMEMBER_SECONDS * max(1.0, time.monotonic() - begun))
    return found


def _counted(experiment: Experiment, now: datetime) -> tuple[Counted, dict[int, int], dict[int, int]]:
    if experiment.started_at is None:
        return Counted({}, {}), {}, {}
    found = exposed(experiment.pk, now - LATELY, now)
    return (
        count(experiment.pk, now),
        {variant: all_units for variant, (all_units, _) in found.items()},
        {variant: lately for variant, (_, lately) in found.items()},
    )


def _is_synthetic(experiment: Experiment) -> bool:
    return experiment.origin == Origin.SYNTHETIC


def _is_running(experiment: Experiment, now: datetime) -> bool:
    return experiment.started_at is not None and (experiment.stopped_at is None or now < experiment.stopped_at)


def _share(variant: Variant, variants: Sequence[Variant]) -> float:
    return variant.share / sum(one.share for one in variants)


def _mismatch(variants: Sequence[Variant], units: dict[int, int]) -> Mismatch:
    counts = [units.get(variant.pk, 0) for variant in variants]
    if not sum(counts) or len(variants) < 2:
        return Mismatch(None, False)
    p_value = split_evidence(counts, [_share(variant, variants) for variant in variants])
    return Mismatch(p_value, p_value < THRESHOLD)


def _comparisons(
    control: Variant, variant: Variant, counted: Counted, plan: Plan, judges: Sequence[JudgedBy]
) -> tuple[Compared, ...]:
    """Return all KPIs of a variant: the primary one, guardrails, and the others."""
    by_criterion = {judge.criterion: judge for judge in judges}
    ordered = sorted(KPIS.values(), key=lambda kpi: ("primary", "guardrail", "secondary").index(plan.role(kpi.name)))
    return tuple(
        compare(
            kpi,
            counted.of(control.pk, kpi.name),
            counted.of(variant.pk, kpi.name),
            plan,
            by_criterion.get(kpi.criterion),
        )
        for kpi in ordered
    )


def _power(
    control: Variant,
    variant: Variant,
    counted: Counted,
    plan: Plan,
    units: dict[int, int],
    lately: dict[int, int],
    days: float,
    is_running: bool,
) -> Power:
    """Return how far the experiment is. What counts is information, one over the squared error: it grows with new units
    and with what known ones go on to say. At the rate so far it takes days_left more."""
    both = units.get(control.pk, 0) + units.get(variant.pk, 0)
    new = lately.get(control.pk, 0) + lately.get(variant.pk, 0)
    per_day = new / min(max(days, 1.0), LATELY / timedelta(days=1)) if is_running else None
    kpi = KPIS[plan.primary]
    found = differ(kpi, counted.of(control.pk, kpi.name), counted.of(variant.pk, kpi.name))
    if found is None:
        return Power(None, both, per_day, None, None)
    needed = planned_units(found, kpi, plan)
    progress = found.units / needed
    left = math.ceil(days * max(1 / progress - 1, 0.0)) if is_running else None
    now = power_of(
        spread=found.spread,
        effect=plan.effect_of(kpi),
        units=found.units,
        alpha=plan.alpha_of(kpi.name),
        planned_units=needed,
    )
    return Power(
        # Not all who ask also have something to count, such as a vote: `needed` is of those who have.
        units_needed=math.ceil(both / progress),
        units=both,
        units_per_day=per_day,
        days_left=left if left is None or left <= MOST_DAYS_LEFT else None,
        power_now=now,
    )


def _with_verdict(
    experiment: Experiment,
    one: VariantFigures,
    all_of_them: Sequence[VariantFigures],
    mismatch: Mismatch,
    days: float,
    now: datetime,
) -> VariantFigures:
    """Return a variant with its verdict; the control has none."""
    if one.power is None:
        return one
    situation = Situation(
        variant_id=one.variant_id,
        variant=one.name,
        unit=Experiment.Unit(experiment.unit).label,
        is_started=experiment.started_at is not None,
        is_running=_is_running(experiment, now),
        is_aa=experiment.is_aa,
        days=days,
        minimum_days=experiment.minimum_days,
        minimum_units=experiment.minimum_units,
        smallest_effect=experiment.smallest_effect or KPIS[experiment.primary_kpi].usual_effect,
        mismatch=mismatch,
        split=[(each.name, each.units, each.share) for each in all_of_them],
        units=one.units,
        control_units=all_of_them[0].units,
        primary=one.comparisons[0],
        guardrails=[each for each in one.comparisons if each.role == "guardrail"],
        power=one.power,
    )
    return replace(one, verdict=verdict_of(situation))
