"""Traffic of experiments, whose sums are known: turns and votes of units that met a variant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model

from chat.models import Conversation, Feedback, Turn
from monitoring.models import Experiment, Exposure
from tests.experimented import make_experiment, variant

START = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
LATER = START + timedelta(days=9)  # past the first week


@dataclass(frozen=True, slots=True)
class Unit:
    """What a user does: votes on as many answers, each of which takes so many seconds; one answer at least."""

    up: int = 0
    down: int = 0
    seconds: float = 1.0


def make_started(*, at: datetime = START, **values: Any) -> Experiment:
    """Return an experiment that runs since then; 20 units in each variant are enough for a verdict."""
    experiment = make_experiment(**{"minimum_units": 20, **values})
    Experiment.objects.filter(pk=experiment.pk).update(started_at=at)
    experiment.started_at = at
    return experiment


def meet(experiment: Experiment, name: str, units: Sequence[Unit], *, at: datetime = START) -> list[Turn]:
    """Let new users meet a variant, each with a conversation of its own; return all turns. Few queries."""
    met = variant(experiment, name)
    people = get_user_model()._default_manager
    first = people.count()
    users = people.bulk_create(
        get_user_model()(username=f"{name}-{first + number}", password="!") for number in range(len(units))
    )
    conversations = Conversation.objects.bulk_create(
        Conversation(user=user, origin=experiment.origin) for user in users
    )
    turns, votes = [], []
    for unit, conversation in zip(units, conversations, strict=True):
        for position in range(max(unit.up + unit.down, 1)):
            turns.append(_turn(conversation, met.config, position + 1, unit.seconds))
            votes.append(1 if position < unit.up else -1 if position < unit.up + unit.down else 0)
    Turn.objects.bulk_create(turns)
    Turn.objects.filter(pk__in=[turn.pk for turn in turns]).update(created_at=at)
    Feedback.objects.bulk_create(
        Feedback(turn=turn, user_id=turn.conversation.user_id, value=vote)
        for turn, vote in zip(turns, votes, strict=True)
        if vote
    )
    Exposure.objects.bulk_create(
        Exposure(experiment=experiment, variant=met, user=user, unit_key=str(user.pk), exposed_at=at) for user in users
    )
    return turns


def _turn(conversation: Conversation, config: Any, position: int, seconds: float) -> Turn:
    return Turn(
        conversation=conversation,
        position=position,
        config=config,
        question="Why?",
        answer="So.",
        status=Turn.Status.DONE,
        origin=conversation.origin,
        search_mode="hybrid",
        model="offline/extractive",
        nothing_found=False,
        removed_citations=0,
        total_seconds=seconds,
    )
