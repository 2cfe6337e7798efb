"""The life of an experiment: a draft that changes, a start that fixes it, a stop, and a conclusion. The only writer of
experiments, their variants, guardrails and pins; each step stands in the admin's history."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.admin.models import ADDITION
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from chat.database import take_turns
from chat.models import Collection
from chat.models.conversation import Origin
from chat.services.configs import fix_config, make_default
from monitoring.exceptions import ExperimentError
from monitoring.experiments.buckets import take_range
from monitoring.experiments.drafts import GuardrailDraft, VariantDraft, draft_problems
from monitoring.experiments.history import note
from monitoring.experiments.running import running_plan
from monitoring.models import Experiment, Guardrail, Pin, Variant
from monitoring.models.experiments import make_salt
from monitoring.webhooks.telling import tell_stop

Status = Experiment.Status
NAMES_LOCK = 7361  # whoever writes a draft finds the names that there are, and no other comes in between
FIXED = "It was started, and what was started does not change: make a copy of it."


def save_draft(
    *,
    experiment: Experiment,
    variants: Sequence[VariantDraft],
    guardrails: Sequence[GuardrailDraft] = (),
    collections: Iterable[Collection] = (),
    groups: Iterable[Group] = (),
    by: Any = None,
) -> Experiment:
    """Store a draft with all that belongs to it: a new one, or one that is there already and was not started.

    `experiment` carries the plain fields. Variants are known by their names: one that keeps its name keeps its pins.
    Raises ExperimentError when something is wrong with it, or when it was started.
    """
    is_new = experiment.pk is None
    experiment.name = experiment.name.strip()
    with transaction.atomic():
        take_turns(NAMES_LOCK)
        _check(experiment, variants, guardrails)
        if is_new:
            experiment.created_by = by
        else:
            _lock(experiment, Status.DRAFT, FIXED)
        experiment.save()
        _write_variants(experiment, variants)
        experiment.guardrails.all().delete()
        Guardrail.objects.bulk_create(Guardrail(experiment=experiment, kpi=g.kpi, margin=g.margin) for g in guardrails)
        experiment.collections.set(collections)
        experiment.groups.set(groups)
        note(experiment, by, "Made." if is_new else "Changed.", **({"flag": ADDITION} if is_new else {}))
        transaction.on_commit(running_plan.forget)  # pins hold in drafts
    return experiment


def copy_as_draft(*, experiment: Experiment, by: Any = None) -> Experiment:
    """Make a draft like an experiment, to change what was started; it divides users anew."""
    copy = Experiment.objects.get(pk=experiment.pk)
    copy.pk, copy._state.adding = None, True
    copy.salt = make_salt()
    copy.status, copy.first_bucket, copy.winner = Status.DRAFT, None, None
    copy.started_at = copy.stopped_at = copy.concluded_at = None
    copy.stop_reason = copy.conclusion = ""
    variants, guardrails = stored_drafts(experiment)
    with transaction.atomic():
        take_turns(NAMES_LOCK)
        copy.name = _free_name(experiment.name)
        return save_draft(
            experiment=copy,
            variants=variants,
            guardrails=guardrails,
            collections=experiment.collections.all(),
            groups=experiment.groups.all(),
            by=by,
        )


def delete_draft(*, experiment: Experiment) -> None:
    """Remove a draft. What was started stays on record."""
    with transaction.atomic():
        _lock(experiment, Status.DRAFT, "It was started, so it stays on record.").delete()
        transaction.on_commit(running_plan.forget)


def start(*, experiment: Experiment, by: Any = None) -> None:
    """Let a draft divide its part of the traffic from now on, and fix what it is.

    Raises ExperimentError when something is wrong with it, or when others hold too much of the traffic.
    """
    with transaction.atomic():
        locked = _lock(experiment, Status.DRAFT, "It was started already.")
        _check(locked, *stored_drafts(locked))
        is_synthetic = locked.origin == Origin.SYNTHETIC
        locked.first_bucket = 0 if is_synthetic else take_range(locked.traffic)
        locked.status, locked.started_at = Status.RUNNING, timezone.now()
        locked.save(update_fields=["status", "first_bucket", "started_at"])
        for config_id in locked.variants.values_list("config_id", flat=True):
            fix_config(config_id=config_id)
        note(locked, by, "Started.")
        transaction.on_commit(running_plan.forget)
    experiment.refresh_from_db()


def stop(*, experiment: Experiment, by: Any = None, reason: str = "") -> None:
    """Give everybody the default config again. What is known stays, and can be concluded from."""
    with transaction.atomic():
        locked = _lock(experiment, Status.RUNNING, "It does not run.")
        locked.status, locked.stopped_at, locked.stop_reason = Status.STOPPED, timezone.now(), reason.strip()
        locked.save(update_fields=["status", "stopped_at", "stop_reason"])
        note(locked, by, f"Stopped: {reason.strip()}" if reason.strip() else "Stopped.")
        tell_stop(locked)
        transaction.on_commit(running_plan.forget)
    experiment.refresh_from_db()


def conclude(*, experiment: Experiment, winner: Variant | None, text: str, by: Any = None) -> None:
    """Write down what was learned, for good; one that runs is stopped by it. `winner` None: none is better."""
    if not text.strip():
        raise ExperimentError("Write what was learned: whoever reads it next year has only these words.")
    if winner is not None and winner.experiment_id != experiment.pk:
        raise ExperimentError(f'"{winner.name}" is no variant of this experiment.')
    with transaction.atomic():
        if Experiment.objects.running().filter(pk=experiment.pk).exists():
            stop(experiment=experiment, by=by, reason="concluded")
        locked = _lock(experiment, Status.STOPPED, "Only what ran can be concluded, and only once.")
        locked.status, locked.concluded_at = Status.CONCLUDED, timezone.now()
        locked.winner, locked.conclusion = winner, text.strip()
        locked.save(update_fields=["status", "concluded_at", "winner", "conclusion"])
        note(locked, by, f"Concluded: {f'{winner.name} wins' if winner else 'no winner'}. {text.strip()}")
    experiment.refresh_from_db()


def make_winner_default(*, experiment: Experiment, by: Any = None) -> None:
    """Let the winner's config answer from now on where nothing else is chosen; in the history of both."""
    winner = experiment.winner
    if experiment.status != Status.CONCLUDED or winner is None:
        raise ExperimentError("Conclude the experiment with a winner first.")
    with transaction.atomic():
        make_default(config=winner.config)
        note(winner.config, by, f'Made the default: it won the experiment "{experiment}".')
        note(experiment, by, f"Made {winner.config}, the config of {winner.name}, the default.")


def pin(*, experiment: Experiment, user: Any, variant: Variant, by: Any = None) -> Pin:
    """Give a user one variant from now on, in a draft too, to look at it; the figures leave the user out."""
    if variant.experiment_id != experiment.pk:
        raise ExperimentError(f'"{variant.name}" is no variant of this experiment.')
    if experiment.status not in (Status.DRAFT, Status.RUNNING):
        raise ExperimentError("It does not run any more: everybody gets the default config.")
    with transaction.atomic():
        # Made anew, so that the pin made last is the one that holds where there are several of one user.
        Pin.objects.filter(experiment=experiment, user=user).delete()
        made = Pin.objects.create(experiment=experiment, user=user, variant=variant)
        note(experiment, by, f"Pinned user {user.pk} to {variant.name}.")  # a name would outlive the account
        transaction.on_commit(running_plan.forget)
    return made


def unpin(*, experiment: Experiment, user: Any, by: Any = None) -> None:
    """Let a user be assigned as everybody; nothing happens where there is no pin."""
    with transaction.atomic():
        if Pin.objects.filter(experiment=experiment, user=user).delete()[0]:
            note(experiment, by, f"Took the pin of user {user.pk} away.")
        transaction.on_commit(running_plan.forget)


def stored_drafts(experiment: Experiment) -> tuple[list[VariantDraft], list[GuardrailDraft]]:
    """Return what is stored of an experiment in the form in which it is asked for."""
    variants = [
        VariantDraft(variant.name, variant.config, variant.share, variant.is_control)
        for variant in experiment.variants.select_related("config")
    ]
    return variants, [GuardrailDraft(guardrail.kpi, guardrail.margin) for guardrail in experiment.guardrails.all()]


def _check(experiment: Experiment, variants: Sequence[VariantDraft], guardrails: Sequence[GuardrailDraft]) -> None:
    if problems := draft_problems(experiment, variants, guardrails):
        raise ExperimentError(" ".join(problems.values()))


def _lock(experiment: Experiment, status: str, otherwise: str) -> Experiment:
    """Return the experiment's row, held for the caller's transaction; raise ExperimentError unless it has a status."""
    locked = Experiment.objects.select_for_update().filter(pk=experiment.pk, status=status).first()
    if locked is None:
        raise ExperimentError(otherwise)
    return locked


def _write_variants(experiment: Experiment, drafts: Sequence[VariantDraft]) -> None:
    names = [draft.name.strip() for draft in drafts]
    experiment.variants.exclude(name__in=names).delete()
    experiment.variants.update(is_control=False)  # at no moment may there be two
    for draft in drafts:
        values = {"config": draft.config, "share": draft.share, "is_control": draft.is_control}
        Variant.objects.update_or_create(experiment=experiment, name=draft.name.strip(), defaults=values)


def _free_name(name: str) -> str:
    taken = set(Experiment.objects.values_list("name", flat=True))
    numbers = (f"{name[:90]} ({number})" for number in range(2, len(taken) + 3))
    return next(candidate for candidate in numbers if candidate not in taken)
