"""Looks: once an hour what is known of each running experiment is written down, as the points of its chart. The
intervals hold at all looks at once, so looking changes nothing; a guardrail may stop the experiment."""

import logging
from datetime import datetime, timedelta

from django.db.models import Max, Q
from django.utils import timezone

from chat.models.conversation import Origin
from monitoring.experiments.known_verdict import note_verdict
from monitoring.experiments.lifecycle import stop
from monitoring.experiments.results import results
from monitoring.models import Experiment, ExperimentLook

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
LAST_CALL = timedelta(days=1)  # so long after its stop the last look is made up for


def look(experiment: Experiment, now: datetime, *, is_live: bool = False) -> list[ExperimentLook]:
    """Write down what is known at `now` of each KPI of each variant, and return it; a look of the same moment is not
    written again. Stops a running experiment whose guardrail is broken, where it is set to. `is_live`: a verdict that
    differs from that of the last look is told to webhooks."""
    found = results(experiment, now)
    rows = [
        ExperimentLook(
            experiment=experiment,
            variant_id=other.variant_id,
            kpi=one.kpi.name,
            looked_at=now,
            units=one.control_units + one.units,
            control=one.control,
            value=one.value,
            difference=one.difference,
            low=one.low,
            high=one.high,
            fixed_low=one.fixed_low,
            fixed_high=one.fixed_high,
        )
        for other in found.others
        for one in other.comparisons
    ]
    ExperimentLook.objects.bulk_create(rows, ignore_conflicts=True)
    if is_live:
        note_verdict(experiment=experiment, verdict=found.verdict, now=now)
    broken = [other.verdict for other in found.others if other.verdict and other.verdict.kind == "harmful"]
    if broken and experiment.stops_on_guardrail and experiment.status == Experiment.Status.RUNNING:
        stop(experiment=experiment, reason=" ".join(verdict.text for verdict in broken))
    return rows


def look_back_at_made_up(*, every: timedelta) -> None:
    """Write looks over the time of each experiment of synthetic traffic that has none, for its chart."""
    for experiment in Experiment.objects.filter(origin=Origin.SYNTHETIC, looks__isnull=True):
        look_back(experiment, every=every)


def look_back(experiment: Experiment, *, every: timedelta) -> int:
    """Write the looks of the past, from the start to the stop or now: for traffic that was made up with its past.
    Return how many moments there were. Each reads all turns of its units."""
    if experiment.started_at is None:
        return 0
    end = experiment.stopped_at or timezone.now()
    moments = [experiment.started_at + every]
    while moments[-1] < end:
        moments.append(moments[-1] + every)
    moments[-1] = end
    for moment in moments:
        look(experiment, moment)
    return len(moments)


def look_where_due() -> int:
    """Look at each running experiment that was not looked at for an hour, and once more at each that stopped; return
    how many looks were written. One that cannot be looked at is logged, and keeps no other one waiting."""
    now = timezone.now()
    candidates = Experiment.objects.filter(Q(status=Experiment.Status.RUNNING) | Q(stopped_at__gte=now - LAST_CALL))
    looks = ExperimentLook.objects.filter(experiment__in=candidates).order_by().values_list("experiment_id")
    looked_at = dict(looks.annotate(Max("looked_at")))
    done = 0
    for experiment in candidates:
        if not _is_due(experiment, looked_at.get(experiment.pk), now):
            continue
        try:
            look(experiment, now, is_live=True)
        except Exception:  # an edge: the next one is looked at all the same, and this one again in a minute
            logger.exception("experiment not looked at", extra={"experiment_id": experiment.pk})
        else:
            done += 1
    return done


def _is_due(experiment: Experiment, looked_at: datetime | None, now: datetime) -> bool:
    if looked_at is None:
        return True
    if experiment.status == Experiment.Status.RUNNING:
        return looked_at <= now - EVERY
    return experiment.stopped_at is not None and looked_at < experiment.stopped_at
