"""Scores of every source, each an event `gen_ai.evaluation.result` on the span of the turn that it is about; and spans
of the judges that gave them, in the turn's trace, with the calls of their models inside."""

from collections.abc import Sequence

from django.conf import settings
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from chat.rag.config import LLMCall
from monitoring.models import Score
from monitoring.telemetry import names, texts
from monitoring.telemetry.calls import known, made_call, nanoseconds, response_ids, send_call
from monitoring.telemetry.jobs import WrittenScores
from monitoring.telemetry.outlet import Outlet, Tracing
from monitoring.telemetry.places import place_of

UNSCORED = "unscored"


def send_scores(job: WrittenScores, outlet: Outlet) -> None:
    """Send scores that were written. Two queries."""
    rows = Score.objects.filter(pk__in=job.score_ids).select_related("turn", "judge_version").order_by("pk")
    replies = response_ids({score.turn_id for score in rows}) if outlet.events else {}
    for score in rows:
        calls = job.calls.get(score.pk, ())
        if outlet.tracing and score.source == Score.Source.JUDGE and score.duration_seconds is not None:
            _send_judge(score, calls, outlet.tracing)
        if outlet.events:
            outlet.events.emit(
                timestamp=nanoseconds(score.updated_at.timestamp()),
                context=place_of(score.turn).inside(outlet.sampler),
                event_name=names.EVALUATION_RESULT,
                attributes=_event_attributes(score, calls) | known({names.RESPONSE_ID: replies.get(score.turn_id)}),
            )


def _send_judge(score: Score, calls: Sequence[LLMCall], tracing: Tracing) -> None:
    """Send the span of a judge, which ended when its verdict was stored."""
    end = nanoseconds(score.updated_at.timestamp())
    start = end - nanoseconds(score.duration_seconds or 0.0)
    span = tracing.tracer.start_span(
        f"judge {score.name}",
        context=place_of(score.turn).inside(tracing.sampler),
        kind=SpanKind.INTERNAL,
        attributes=_attributes(score, calls),
        start_time=start,
    )
    if score.error:
        span.set_status(Status(StatusCode.ERROR))
    inside = set_span_in_context(span, Context())
    about: dict[str, AttributeValue] = {names.CONVERSATION: str(score.turn.conversation_id)}
    with_text = settings.TELEMETRY_WITH_TEXT and score.turn.question  # else the user deleted it
    for call in calls:
        more = {**about, **texts.of_call(call)} if with_text else about
        start = send_call(tracing.tracer, made_call(call), around=inside, start=start, more=more)
    span.end(end)


def _attributes(score: Score, calls: Sequence[LLMCall]) -> dict[str, AttributeValue]:
    version = score.judge_version
    return known(
        {
            names.EVALUATION_NAME: score.name,
            names.SCORE_VALUE: score.value,
            names.SCORE_LABEL: score.label,
            names.CONVERSATION: str(score.turn.conversation_id),
            names.TURN_ID: score.turn_id,
            names.ORIGIN: score.turn.origin,
            names.SCORE_ID: score.pk,
            names.SCORE_SOURCE: score.source,
            names.SCORE_OF: "conversation" if score.conversation_id else "turn",
            names.SCORE_ANNOTATOR: score.annotator_kind,
            names.JUDGE: version.judge if version else None,
            names.JUDGE_VERSION: version.version if version else None,
            names.JUDGE_MODEL: version.model if version else None,
            names.ERROR_TYPE: _error_type(score, calls),
        }
    )


def _event_attributes(score: Score, calls: Sequence[LLMCall]) -> dict[str, AttributeValue]:
    said = {names.EXPLANATION: score.explanation} if settings.TELEMETRY_WITH_TEXT and score.explanation else {}
    return {**_attributes(score, calls), **said}


def _error_type(score: Score, calls: Sequence[LLMCall]) -> str:
    """Return why a score has no value: what its model failed by, or that the judge gave none."""
    if not score.error:
        return ""
    return next((call.error_code for call in reversed(calls) if call.error_code), UNSCORED)
