"""Exposures: a row for each unit that met its variant, written when its first turn under it is finished, however that
ended: a variant that fails must not lose its failures.

Asked for by the signal of a finished turn; what a crash lost is found by a sweep, since who was to be exposed is a
function of the turns. A turn counts when its config is that of the variant assigned: not when the conversation has a
config of its own, nor when the default config answered because assignment failed.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import CharField, Exists, OuterRef, Q
from django.db.models.functions import Cast
from django.utils import timezone

from chat.models import Turn
from chat.models.turn import TurnQuerySet
from monitoring.experiments.assignment import Asker, Plan, Planned, assign
from monitoring.experiments.running import planned, running_plan
from monitoring.models import Experiment, Exposure

# How far the sweep looks back each minute.
SWEPT = timedelta(hours=1)
# For so long after an experiment was stopped, all its time is looked through.
SWEPT_WHOLE = timedelta(minutes=5)


def note_exposure(turn_id: int) -> None:
    """Write the exposure that a finished turn is, if it is one. No query while nothing runs, else two."""
    plan = running_plan()
    if plan.experiments:
        turns = Turn.objects.filter(pk=turn_id, origin__in={experiment.origin for experiment in plan.experiments})
        _write(plan, _with_conversation(turns))


def sweep_exposures() -> int:
    """Write exposures that were not noted, of what runs or was stopped lately; return how many."""
    now = timezone.now()
    swept = Experiment.objects.of_people().filter(Q(status="RUNNING") | Q(stopped_at__gte=now - SWEPT_WHOLE))
    pins = running_plan().pins
    count = 0
    for experiment in swept:
        plan = Plan(planned(Experiment.objects.filter(pk=experiment.pk)), pins)
        since = counts_from(plan.experiments[0])
        if experiment.stopped_at is None:
            since = max(since, now - SWEPT)
        turns = _unexposed(experiment).filter(created_at__gte=since, created_at__lt=experiment.stopped_at or now)
        count += _write(plan, _with_conversation(turns.order_by("created_at", "pk")).iterator())
    return count


def counts_from(experiment: Planned) -> datetime:
    """Return from when on questions count: when all processes know of the start. Those that do not yet let the default
    config answer, which may be the control's, and the control alone would be exposed."""
    return experiment.started_at + timedelta(seconds=settings.REMEMBER_SECONDS)


def _unexposed(experiment: Experiment) -> TurnQuerySet:
    """Return the finished turns that an experiment may count, of units without an exposure. No imported ones: where
    they were answered, nothing was assigned."""
    is_user = experiment.unit == Experiment.Unit.USER
    unit = OuterRef("conversation__user_id" if is_user else "conversation_id")
    exposed = Exposure.objects.filter(experiment=experiment, unit_key=Cast(unit, CharField()))
    return (
        Turn.objects.filter(origin=experiment.origin, conversation__config__isnull=True, import_key="")
        .filter(config__in=experiment.variants.values("config"))
        .exclude(status__in=[Turn.Status.PENDING, Turn.Status.STREAMING])
        .exclude(Exists(exposed))
    )


def _with_conversation(turns: TurnQuerySet) -> TurnQuerySet:
    fields = ("origin", "config_id", "collection_id", "created_at", "conversation__user_id", "conversation__config_id")
    return turns.select_related("conversation").only(*fields)


def _write(plan: Plan, turns: Iterable[Turn]) -> int:
    """Store the first exposure of each unit among these turns; a unit that has one keeps it."""
    made: dict[tuple[int, str], Exposure] = {}
    for turn in turns:
        if exposure := _exposure(plan, turn):
            made.setdefault((exposure.experiment_id, exposure.unit_key), exposure)
    Exposure.objects.bulk_create(made.values(), ignore_conflicts=True)
    return len(made)


def _exposure(plan: Plan, turn: Turn) -> Exposure | None:
    conversation = turn.conversation
    assigned = assign(plan, Asker(conversation.user_id, conversation.pk, turn.origin, turn.collection_id))
    if assigned is None or assigned.is_pinned or assigned.config.pk != turn.config_id or conversation.config_id:
        return None
    experiment = next(one for one in plan.experiments if one.experiment_id == assigned.experiment_id)
    if turn.created_at < counts_from(experiment):
        return None
    return Exposure(
        experiment_id=assigned.experiment_id,
        variant_id=assigned.variant_id,
        user_id=conversation.user_id,
        conversation_id=conversation.pk if experiment.unit == Experiment.Unit.CONVERSATION else None,
        turn=turn,
        unit_key=assigned.unit_key,
        exposed_at=turn.created_at,
    )
