"""Histograms of calls and turns, with the names, units and buckets of the semantic conventions. What is not known is
not counted: no tokens of a call that failed, and none that were estimated."""

from collections.abc import Mapping

from opentelemetry.metrics import Histogram, Meter

from chat.models import Turn
from monitoring.telemetry import names
from monitoring.telemetry.calls import Call, kind_of

TOKEN_BUCKETS = tuple(4**power for power in range(14))  # 1 to 67,108,864
SECONDS_BUCKETS = tuple(0.01 * 2**power for power in range(14))  # 0.01 to 81.92


class Instruments:
    """The histograms of a process."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, description: str) -> Histogram:
            return meter.create_histogram(
                name, unit="s", description=description, explicit_bucket_boundaries_advisory=SECONDS_BUCKETS
            )

        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )
        self._duration = seconds(names.OPERATION_DURATION, "Duration of a call to a model, with all its attempts.")
        self._first_chunk = seconds(names.OPERATION_FIRST_CHUNK, "Time from a call to its first text.")
        self._turns = seconds(names.WORKFLOW_DURATION, "Time from the question to the end of the answer.")

    def count_call(self, call: Call, origin: str) -> None:
        attributes = {**kind_of(call), names.ORIGIN: origin}
        failed = {names.ERROR_TYPE: call.error_code} if call.error_code else {}
        self._duration.record(call.duration_seconds, {**attributes, **failed})
        if call.first_token_seconds is not None:
            self._first_chunk.record(call.first_token_seconds, attributes)
        if not call.tokens_estimated:
            self._count_tokens("input", call.input_tokens, attributes)
            self._count_tokens("output", call.output_tokens, attributes)

    def count_turn(self, turn: Turn, error_type: str) -> None:
        if turn.total_seconds is None:
            return
        attributes = {names.WORKFLOW_NAME: names.WORKFLOW, names.ORIGIN: turn.origin}
        failed = {names.ERROR_TYPE: error_type} if error_type else {}
        self._turns.record(turn.total_seconds, {**attributes, **failed})

    def _count_tokens(self, kind: str, tokens: int | None, attributes: Mapping[str, str | int | bool]) -> None:
        if tokens is not None:
            self._tokens.record(tokens, {**attributes, names.TOKEN_TYPE: kind})
