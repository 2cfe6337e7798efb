"""What a job becomes. Everything is read from the database anew: what is not there any more is not sent."""

from chat.models import LLMCall
from monitoring.telemetry.calls import stored_call
from monitoring.telemetry.feedback import send_feedback
from monitoring.telemetry.jobs import FinishedTurn, GivenFeedback, Job, RecordedCalls, WrittenScores
from monitoring.telemetry.outlet import Outlet
from monitoring.telemetry.scores import send_scores
from monitoring.telemetry.turns import send_turn


def work_on(job: Job, outlet: Outlet) -> None:
    """Send what a job tells of, by the signals that are on."""
    match job:
        case FinishedTurn():
            send_turn(job, outlet)
        case RecordedCalls():
            count_calls(job, outlet)
        case WrittenScores():
            send_scores(job, outlet)
        case GivenFeedback():
            send_feedback(job, outlet)


def count_calls(job: RecordedCalls, outlet: Outlet) -> None:
    """Count calls that were made beside an answer; those of an answer are counted with it."""
    if outlet.instruments is None:
        return
    for row in LLMCall.objects.filter(pk__in=job.call_ids).select_related("turn"):
        origin = row.origin or (row.turn.origin if row.turn else None)
        if origin:
            outlet.instruments.count_call(stored_call(row), origin)
