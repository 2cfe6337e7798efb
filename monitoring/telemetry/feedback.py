"""Votes of users, sent as scores are: the event `gen_ai.evaluation.result` with the name "user_feedback"."""

import time

from django.conf import settings

from chat.models import Feedback, Turn
from monitoring.telemetry import names
from monitoring.telemetry.calls import known, response_ids
from monitoring.telemetry.jobs import GivenFeedback
from monitoring.telemetry.outlet import Outlet
from monitoring.telemetry.places import place_of

NAME, SOURCE = "user_feedback", "USER"
VALUES = {Feedback.Value.UP: (1.0, "thumbs_up"), Feedback.Value.DOWN: (0.0, "thumbs_down")}
WITHDRAWN = (None, "withdrawn")


def send_feedback(job: GivenFeedback, outlet: Outlet) -> None:
    """Send a vote as it was given; reasons and comment as they are stored. At most three queries."""
    turn = Turn.objects.filter(pk=job.turn_id).first()
    if turn is None or outlet.events is None:
        return
    value, label = WITHDRAWN if job.value is None else VALUES[Feedback.Value(job.value)]
    stored = Feedback.objects.filter(turn=turn, user_id=job.user_id, value=job.value).first() if job.value else None
    attributes = known(
        {
            names.EVALUATION_NAME: NAME,
            names.SCORE_VALUE: value,
            names.SCORE_LABEL: label,
            names.CONVERSATION: str(turn.conversation_id),
            names.TURN_ID: turn.pk,
            names.ORIGIN: turn.origin,
            names.RESPONSE_ID: response_ids([turn.pk]).get(turn.pk),
            names.SCORE_SOURCE: SOURCE,
            names.FEEDBACK_REASONS: stored.reasons if stored and stored.reasons else None,
            names.EXPLANATION: stored.comment if stored and settings.TELEMETRY_WITH_TEXT else None,
        }
    )
    outlet.events.emit(
        timestamp=time.time_ns(),
        context=place_of(turn).inside(outlet.sampler),
        event_name=names.EVALUATION_RESULT,
        attributes=attributes,
    )
