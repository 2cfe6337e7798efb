"""Where a turn stands in the traces. The web process that answers and the worker that judges have to agree on it, so
that ids are not random but made from the turn."""

from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from chat.models import Turn
from monitoring.telemetry.ids import site_key, span_id_of, trace_id_of
from monitoring.telemetry.names import INVOKE_WORKFLOW, WORKFLOW

ROOT_NAME = f"{INVOKE_WORKFLOW} {WORKFLOW}"


@dataclass(frozen=True, slots=True)
class Place:
    """The trace of a turn, its own span, and the span of the request that it belongs to, None: the trace is its own."""

    trace_id: int
    span_id: int
    parent: SpanContext | None

    @property
    def around(self) -> Context:
        """The context that the turn's own span starts in."""
        return set_span_in_context(NonRecordingSpan(self.parent), Context()) if self.parent else Context()

    def inside(self, sampler: Sampler | None) -> Context:
        """Return the context of what belongs to the turn and is made by another process: sampled if the turn is, and
        not where no spans are sent at all."""
        decision = Decision.DROP
        if sampler is not None:
            decision = sampler.should_sample(self.around, self.trace_id, ROOT_NAME, SpanKind.INTERNAL).decision
        is_sampled = decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
        span = SpanContext(self.trace_id, self.span_id, is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(span), Context())


def place_of(turn: Turn) -> Place:
    """Return where a turn stands: in the trace of its request where there was one, else in one made from its ids."""
    key = site_key()
    span_id = span_id_of(turn.pk, key)
    if not turn.traceparent:
        return Place(trace_id_of(turn.pk, turn.conversation_id, key), span_id, None)
    _, trace, span, flags = turn.traceparent.split("-")
    parent = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return Place(parent.trace_id, span_id, parent)


class Ids(RandomIdGenerator):
    """Random ids, but for the next span where its place is given. Of one thread."""

    def __init__(self) -> None:
        self._next: Place | None = None

    def use(self, place: Place) -> None:
        """Start the next span at a place."""
        self._next = place

    def generate_trace_id(self) -> int:
        return self._next.trace_id if self._next else super().generate_trace_id()

    def generate_span_id(self) -> int:
        if self._next is None:
            return super().generate_span_id()
        span_id, self._next = self._next.span_id, None
        return span_id
