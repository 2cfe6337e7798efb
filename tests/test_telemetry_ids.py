"""Ids of spans and traces are made from a turn's, and read back."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry.ids import (
    MOST_TURNS,
    SPANS,
    site_key,
    span_id_of,
    trace_id_of,
    turn_id_of_span,
    turn_id_of_trace,
)

turn_ids = st.integers(1, MOST_TURNS - 1)
keys = st.integers(SPANS // 2, SPANS - 1)


@given(turn_ids, st.uuids(), keys)
def test_ids_lead_back_to_their_turn(turn_id: int, conversation_id: UUID, key: int) -> None:
    assert turn_id_of_span(span_id_of(turn_id, key), key) == turn_id
    assert turn_id_of_trace(trace_id_of(turn_id, conversation_id, key), key) == turn_id


@given(turn_ids, st.uuids(), keys)
def test_ids_are_as_traces_need_them(turn_id: int, conversation_id: UUID, key: int) -> None:
    assert 0 < span_id_of(turn_id, key) < SPANS
    assert 0 < trace_id_of(turn_id, conversation_id, key) < SPANS**2


@given(st.integers(0, SPANS - 1), keys)
def test_a_span_is_a_turn_s_or_nobody_s(span_id: int, key: int) -> None:
    turn_id = turn_id_of_span(span_id, key)
    assert turn_id is None or span_id_of(turn_id, key) == span_id


def test_a_sampler_takes_its_share_of_turns_that_follow_each_other() -> None:
    talk = UUID(int=7)
    taken = sum(trace_id_of(turn_id, talk, SPANS - 1) % SPANS < SPANS // 10 for turn_id in range(1, 5001))

    assert 400 < taken < 600


@pytest.mark.django_db
def test_another_site_has_other_ids_and_knows_those_of_this_one_as_foreign(settings) -> None:
    here = span_id_of(7, site_key())
    settings.SECRET_KEY = "of-another-site"
    site_key.cache_clear()
    try:
        there = site_key()
    finally:
        site_key.cache_clear()

    assert span_id_of(7, there) != here
    assert turn_id_of_span(here, there) is None
