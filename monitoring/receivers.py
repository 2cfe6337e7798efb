"""Ears of monitoring: what chat announces. A receiver only nudges the worker or writes a row, so that answers wait for
nothing; its errors are logged, and the sweep finds each minute what no nudge told of."""

import logging
import threading
from typing import Any

from django.db import DatabaseError, transaction
from django.dispatch import receiver
from django_q.signals import post_spawn

from chat.models import Feedback, Turn
from chat.models.conversation import Origin
from chat.signals import feedback_given, feedback_stored, turn_finished
from monitoring.experiments.exposing import note_exposure
from monitoring.judging.nudges import nudge
from monitoring.judging.warming import warm_up
from monitoring.models.webhooks import Event
from monitoring.webhooks.outbox import heard_events
from monitoring.webhooks.telling import tell_feedback

logger = logging.getLogger(__name__)

# Others come by the thousand, and nobody waits for their verdicts: the sweep finds them.
NUDGING = (Origin.USER, Origin.API)


@receiver(turn_finished, sender=Turn, dispatch_uid="monitoring.turn_finished")
def on_turn_finished(*, turn_id: int, origin: str, **kwargs: Any) -> None:
    if origin in NUDGING:
        _nudge(turn_id)
        _expose(turn_id)


@receiver(feedback_given, sender=Feedback, dispatch_uid="monitoring.feedback_given")
def on_feedback_given(*, turn_id: int, **kwargs: Any) -> None:
    _nudge(turn_id)


@receiver(feedback_stored, sender=Feedback, dispatch_uid="monitoring.feedback_stored")
def on_feedback_stored(
    *, feedback_id: int, turn_id: int, user_id: int | None, is_withdrawn: bool, **kwargs: Any
) -> None:
    """Note a vote for webhooks, in its own transaction: it is told of if it is stored."""
    try:
        if (Event.FEEDBACK_WITHDRAWN if is_withdrawn else Event.FEEDBACK_GIVEN) not in heard_events():
            return
        with transaction.atomic():
            tell_feedback(feedback_id=feedback_id, turn_id=turn_id, user_id=user_id, is_withdrawn=is_withdrawn)
    except DatabaseError:
        logger.exception("vote not told to webhooks", extra={"turn_id": turn_id})


@receiver(post_spawn, dispatch_uid="monitoring.worker_spawned")
def on_worker_spawned(**kwargs: Any) -> None:
    """Load beside the first tasks what judges need, so that the first verdict does not wait for it."""
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()


def _nudge(turn_id: int) -> None:
    try:
        nudge(turn_id)
    except DatabaseError:
        logger.exception("turn not announced to the worker", extra={"turn_id": turn_id})


def _expose(turn_id: int) -> None:
    try:
        note_exposure(turn_id)
    except DatabaseError:
        logger.exception("exposure not written; the sweep finds it", extra={"turn_id": turn_id})
