"""What runs at the moment, as each process remembers it, and the config that it means for a question.

chat asks `pick_config` for each question (settings.CONFIG_PICKER). With the plan remembered that takes microseconds and
no query. Where an experiment is limited to groups, the ids of all their members are part of the plan.
"""

from itertools import accumulate
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from prometheus_client import Counter

from chat.models import Conversation, PipelineConfig
from chat.services.remembered import Remembered
from monitoring.experiments.assignment import Arm, Asker, Assigned, Plan, Planned, assign
from monitoring.models import Experiment, Pin, Variant
from monitoring.models.experiments import ExperimentQuerySet

# Counted by each process, not read from the database, which may be what failed.
FAILURES = Counter(
    "ragsite_experiment_assignment_failures_total",
    "Questions that the default config answered because no variant could be assigned.",
)


def pick_config(user: Any, conversation: Conversation) -> PipelineConfig | None:
    """Return the config of the variant that a conversation gets; None: no experiment takes it.

    An error is counted and goes on to chat, which logs it and lets the default config answer.
    """
    try:
        assigned = assigned_to(conversation)
    except Exception:
        FAILURES.inc()
        raise
    return assigned.config if assigned else None


def assigned_to(conversation: Conversation) -> Assigned | None:
    """Return the variant of a conversation, by what runs at the moment."""
    return assign(running_plan(), asker_of(conversation))


def asker_of(conversation: Conversation) -> Asker:
    """Return what assignment needs of a conversation."""
    return Asker(conversation.user_id, conversation.pk, conversation.origin, conversation.collection_id)


@Remembered
def running_plan() -> Plan:
    """Return the plan of all that runs for people, with pins, which hold in drafts too. Synthetic experiments are in
    no plan, so they take nobody's buckets."""
    statuses = [Experiment.Status.DRAFT, Experiment.Status.RUNNING]
    pins = Pin.objects.filter(experiment__in=Experiment.objects.of_people().filter(status__in=statuses))
    # A question is being stored meanwhile: it goes on without this if this fails.
    with transaction.atomic():
        return Plan(
            experiments=planned(Experiment.objects.running().of_people()),
            pins={pin.user_id: _pinned(pin) for pin in pins.select_related("variant__config__embedder").order_by("pk")},
        )


def planned(experiments: ExperimentQuerySet) -> tuple[Planned, ...]:
    """Return these experiments, which were started, for assignment. Four queries and one for each with groups."""
    variants = Prefetch("variants", Variant.objects.select_related("config__embedder"))
    return tuple(_planned(row) for row in experiments.prefetch_related(variants, "collections", "groups"))


def _planned(experiment: Experiment) -> Planned:
    variants = list(experiment.variants.all())
    ends = accumulate(variant.share for variant in variants)
    return Planned(
        experiment_id=experiment.pk,
        unit=experiment.unit,
        origin=experiment.origin,
        salt=experiment.salt,
        first_bucket=experiment.first_bucket or 0,
        traffic=experiment.traffic,
        started_at=experiment.started_at or timezone.now(),
        arms=tuple(Arm(row.pk, row.config, end) for row, end in zip(variants, ends, strict=True)),
        collection_ids=frozenset(collection.pk for collection in experiment.collections.all()),
        user_ids=_members(experiment),
    )


def _members(experiment: Experiment) -> frozenset[int] | None:
    groups = list(experiment.groups.all())
    if not groups:
        return None
    users = get_user_model()._default_manager.filter(groups__in=groups)
    return frozenset(users.values_list("pk", flat=True))


def _pinned(pin: Pin) -> Assigned:
    variant = pin.variant
    return Assigned(pin.experiment_id, variant.pk, variant.config, str(pin.user_id), is_pinned=True)
