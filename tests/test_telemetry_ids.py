"""Ids of spans and traces are made from a turn's, and read back."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry.ids import (
    MOST_TURNS,
    SPANS,
    span_id_of,
    trace_id_of,
    turn_id_of_span,
    turn_id_of_trace,
)

turn_ids = st.integers(1, MOST_TURNS - 1)


@given(turn_ids, st.uuids())
def test_ids_lead_back_to_their_turn(turn_id: int, conversation_id: UUID) -> None:
    assert turn_id_of_span(span_id_of(turn_id)) == turn_id
    assert turn_id_of_trace(trace_id_of(turn_id, conversation_id)) == turn_id


@given(turn_ids, st.uuids())
def test_ids_are_as_traces_need_them(turn_id: int, conversation_id: UUID) -> None:
    assert 0 < span_id_of(turn_id) < SPANS
    assert 0 < trace_id_of(turn_id, conversation_id) < SPANS**2


@given(st.integers(0, SPANS - 1))
def test_a_span_is_a_turn_s_or_nobody_s(span_id: int) -> None:
    turn_id = turn_id_of_span(span_id)
    assert turn_id is None or span_id_of(turn_id) == span_id


def test_a_sampler_takes_its_share_of_turns_that_follow_each_other() -> None:
    talk = UUID(int=7)
    taken = sum(trace_id_of(turn_id, talk) % SPANS < SPANS // 10 for turn_id in range(1, 5001))

    assert 400 < taken < 600
