"""Ears of telemetry: what is announced is handed over to the thread, where telemetry is on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.dispatch import receiver
from django_q.signals import post_spawn

from chat.models import Feedback, LLMCall, Turn
from chat.rag.config import LLMCall as CallData
from chat.signals import calls_recorded, feedback_given, turn_finished
from monitoring.models import Score
from monitoring.signals import scores_written
from monitoring.telemetry.jobs import FinishedTurn, GivenFeedback, RecordedCalls, WrittenScores
from monitoring.telemetry.sending import hand_over, start


@receiver(turn_finished, sender=Turn, dispatch_uid="telemetry.turn_finished")
def on_turn_finished(*, turn_id: int, calls: Sequence[CallData] = (), **kwargs: Any) -> None:
    if settings.TELEMETRY_SIGNALS:
        hand_over(FinishedTurn(turn_id, calls if settings.TELEMETRY_WITH_TEXT else ()))


@receiver(calls_recorded, sender=LLMCall, dispatch_uid="telemetry.calls_recorded")
def on_calls_recorded(*, call_ids: Sequence[int], **kwargs: Any) -> None:
    if "metrics" in settings.TELEMETRY_SIGNALS:
        hand_over(RecordedCalls(call_ids))


@receiver(scores_written, sender=Score, dispatch_uid="telemetry.scores_written")
def on_scores_written(
    *, score_ids: Sequence[int], calls: Mapping[int, Sequence[CallData]] | None = None, **kwargs: Any
) -> None:
    if settings.TELEMETRY_SIGNALS:
        kept = {score_id: [_kept(call) for call in made] for score_id, made in (calls or {}).items()}
        hand_over(WrittenScores(score_ids, kept))


def _kept(call: CallData) -> CallData:
    """Return a call without texts where none are sent: many may wait in line."""
    return call if settings.TELEMETRY_WITH_TEXT else replace(call, prompt=None, reply="")


@receiver(feedback_given, sender=Feedback, dispatch_uid="telemetry.feedback_given")
def on_feedback_given(*, turn_id: int, value: int | None, user_id: int, **kwargs: Any) -> None:
    if "logs" in settings.TELEMETRY_SIGNALS:
        hand_over(GivenFeedback(turn_id, user_id, value))


@receiver(post_spawn, dispatch_uid="telemetry.worker_spawned")
def on_worker_spawned(**kwargs: Any) -> None:
    if settings.TELEMETRY_SIGNALS:
        start()
