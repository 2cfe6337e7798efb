"""The life of a turn in the database: one claim, progress, the end, and what is found interrupted."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from chat.models import Turn
from chat.rag.config import AnswerResult, Hit, LLMCall, Price, Purpose, StageTimes, Usage
from chat.services.conversations import delete_conversation, start_conversation
from chat.services.turns import (
    claim_turn,
    finish_turn,
    interrupt_turn,
    request_stop,
    save_progress,
    sweep_interrupted,
    total_cost,
)
from chat.signals import turn_finished

pytestmark = pytest.mark.django_db

CALL = LLMCall(
    purpose=Purpose.ANSWER,
    model="fake/echo",
    prompt_name="answer_v1",
    prompt_sha256="0" * 64,
    duration_seconds=2.0,
    usage=Usage(input_tokens=100, output_tokens=20, cached_input_tokens=40),
    price=Price(Decimal("1.5"), Decimal("6"), None),
    cost_usd=Decimal("0.00027"),
)
RESULT = AnswerResult(
    answer="So [1].",
    search_query="why",
    hits=(Hit(1, 0.5, 999_999, 999_999, "Manual", "Start", "Because.", similarity=0.7),),
    cited_ranks=(1,),
    removed_citations=2,
    nothing_found=False,
    prompt_name="answer_v1",
    prompt_sha256="0" * 64,
    calls=(CALL,),
    times=StageTimes(search_seconds=0.01, total_seconds=2.1),
)


@pytest.fixture
def turn(alice):
    return start_conversation(user=alice, question="Why?")


def test_turn_is_claimed_once(turn):
    assert [claim_turn(turn.pk), claim_turn(turn.pk)] == [True, False]


def test_finish_records_everything(turn):
    claim_turn(turn.pk)

    assert finish_turn(turn_id=turn.pk, status="DONE", result=RESULT)

    turn.refresh_from_db()
    assert (turn.status, turn.answer, turn.removed_citations, turn.search_seconds) == ("DONE", "So [1].", 2, 0.01)
    assert turn.cost_usd == Decimal("0.00027")
    assert turn.embed_seconds is None
    assert (turn.hit_count, turn.cited_count, turn.top_similarity) == (1, 1, 0.7)
    call = turn.calls.get()
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (100, 40, 20)
    assert (call.input_usd_per_million, call.cached_input_usd_per_million) == (Decimal("1.5"), None)


def test_search_that_found_nothing_is_told_from_no_search(turn, alice):
    unsearched = start_conversation(user=alice, question="Who?")
    for one in (turn, unsearched):
        claim_turn(one.pk)

    finish_turn(turn_id=turn.pk, status="DONE", result=replace(RESULT, hits=(), cited_ranks=()))
    finish_turn(turn_id=unsearched.pk, status="FAILED", result=AnswerResult.empty())

    turn.refresh_from_db()
    unsearched.refresh_from_db()
    assert (turn.hit_count, turn.cited_count, turn.top_similarity) == (0, 0, None)
    assert (unsearched.hit_count, unsearched.cited_count, unsearched.top_similarity) == (None, None, None)


def test_hit_of_a_chunk_that_is_gone_keeps_its_text(turn):
    claim_turn(turn.pk)

    finish_turn(turn_id=turn.pk, status="DONE", result=RESULT)

    hit = turn.hits.get()
    assert (hit.chunk_id, hit.document_id, hit.text, hit.is_cited) == (None, None, "Because.", True)


def test_turn_is_finished_once(turn):
    claim_turn(turn.pk)
    finish_turn(turn_id=turn.pk, status="DONE", result=RESULT)

    assert not finish_turn(turn_id=turn.pk, status="FAILED", result=AnswerResult.empty())
    turn.refresh_from_db()
    assert turn.status == "DONE"


def test_end_is_announced_after_commit(turn, django_capture_on_commit_callbacks):
    heard = []

    def hear(**payload):
        heard.append((payload["turn_id"], payload["status"], payload["origin"], payload["calls"]))

    claim_turn(turn.pk)
    turn_finished.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            finish_turn(turn_id=turn.pk, status="DONE", result=RESULT)
            assert heard == []
    finally:
        turn_finished.disconnect(hear)

    assert heard == [(turn.pk, "DONE", "USER", RESULT.calls)]


def test_conversation_deleted_meanwhile_keeps_no_text(turn):
    claim_turn(turn.pk)
    delete_conversation(conversation=turn.conversation)

    finish_turn(turn_id=turn.pk, status="STOPPED", result=RESULT)

    turn.refresh_from_db()
    assert (turn.answer, turn.search_query, turn.hits.get().text) == ("", "", "")
    assert turn.calls.get().input_tokens == 100


def test_progress_saves_text_and_tells_who_was_stopped(turn, alice):
    other = start_conversation(user=alice, question="How?")
    claim_turn(turn.pk)
    claim_turn(other.pk)
    request_stop(turn=other)

    running = save_progress({turn.pk: "So", other.pk: "By", 0: "gone"})

    turn.refresh_from_db()
    assert running == {turn.pk: False, other.pk: True}
    assert turn.answer == "So"


def test_progress_does_not_touch_a_finished_turn(turn):
    claim_turn(turn.pk)
    finish_turn(turn_id=turn.pk, status="DONE", result=RESULT)

    assert save_progress({turn.pk: "late"}) == {}
    turn.refresh_from_db()
    assert turn.answer == "So [1]."


def test_stop_before_anybody_answers_stops_at_once(turn):
    request_stop(turn=turn)

    turn.refresh_from_db()
    assert turn.status == "STOPPED"
    assert not claim_turn(turn.pk)


def silent_for(turn: Turn, seconds: float) -> None:
    Turn.objects.filter(pk=turn.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))


def test_silent_answer_is_interrupted_and_may_be_retried(turn):
    claim_turn(turn.pk)
    silent_for(turn, 25)

    assert sweep_interrupted() == 1

    turn.refresh_from_db()
    assert (turn.status, turn.may_retry) == ("INTERRUPTED", True)


def test_living_answer_is_left_alone(turn):
    claim_turn(turn.pk)
    silent_for(turn, 10)

    assert sweep_interrupted() == 0
    assert not interrupt_turn(turn.pk)


def test_question_that_nobody_came_to_read_is_interrupted_after_minutes(turn):
    silent_for(turn, 60)
    assert sweep_interrupted() == 0

    silent_for(turn, 400)
    assert sweep_interrupted() == 1


def test_cost_with_a_hole_is_unknown():
    free = replace(CALL, cost_usd=Decimal(0))
    unknown = replace(CALL, cost_usd=None)

    assert total_cost((CALL, free)) == Decimal("0.00027")
    assert total_cost((CALL, unknown)) is None
    assert total_cost(()) == 0
