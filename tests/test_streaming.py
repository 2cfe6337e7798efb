"""A running answer, over real HTTP to the scripted model and a real database: one model call however many readers,
stop, broken streams, readers that come late or elsewhere."""

import asyncio
import threading
from datetime import timedelta

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.utils import timezone

from chat import streaming
from chat.database import in_database, is_away
from chat.models import Turn
from chat.rag.config import Provider
from chat.services.conversations import ask, regenerate, start_conversation
from chat.services.turns import claim_turn, request_stop
from chat.streaming import Delta, Ended, Quiet, Snapshot, Stage
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 2
        yield fake


@pytest.fixture
def turn(alice, fake_llm):
    make_knowledge()
    return start_conversation(user=alice, question="How is the pump started?", model="fake/default")


async def read(turn_id: int) -> list:
    return [event async for event in streaming.follow(turn_id)]


def text_of(events: list) -> str:
    text = ""
    for event in events:
        if isinstance(event, Snapshot):
            text = event.text
        elif isinstance(event, Delta):
            text += event.text
    return text


def test_answer_streams_and_is_stored(turn, fake_llm):
    fake_llm.enqueue("Press the green button [1], never the red one [9].")

    events = asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert isinstance(events[0], Snapshot)
    assert [event.name for event in events if isinstance(event, Stage)] == ["searching", "answering"]
    assert isinstance(events[-1], Ended)
    assert text_of(events).strip() == turn.answer.strip() == "Press the green button [1], never the red one."
    assert (turn.status, turn.removed_citations, turn.nothing_found) == ("DONE", 1, False)
    assert turn.hits.get(rank=1).is_cited
    assert turn.calls.get().input_tokens > 0
    assert turn.first_token_seconds <= turn.total_seconds
    assert turn.search_seconds is not None
    assert turn.rewrite_seconds is None


def test_many_readers_cause_one_model_call(turn, fake_llm):
    fake_llm.enqueue(Reply("one two three four", token_delay_seconds=0.05))

    async def crowd():
        return await asyncio.gather(*(read(turn.pk) for _ in range(10)))

    texts = {text_of(events).strip() for events in asyncio.run(crowd())}

    assert texts == {"one two three four"}
    assert len(fake_llm.chat_requests) == 1


def test_producer_runs_on_when_its_reader_leaves(turn, fake_llm):
    fake_llm.enqueue(Reply("one two three four five", token_delay_seconds=0.05))

    async def leave_and_come_back():
        async for event in streaming.follow(turn.pk):
            if isinstance(event, Delta):
                break
        await asyncio.sleep(0.1)
        return await read(turn.pk)

    events = asyncio.run(leave_and_come_back())

    assert text_of(events).strip() == "one two three four five"
    assert len(fake_llm.chat_requests) == 1


def test_reader_in_another_process_sees_the_same(turn, fake_llm):
    fake_llm.enqueue(Reply("one two three four five six", token_delay_seconds=0.15))
    begun = threading.Event()

    async def produce():
        async for event in streaming.follow(turn.pk):
            if isinstance(event, Delta):
                begun.set()

    producer = threading.Thread(target=lambda: asyncio.run(produce()))
    producer.start()
    begun.wait(5)

    async def elsewhere():
        return [event async for event in streaming._follow_elsewhere(turn.pk)]

    events = asyncio.run(elsewhere())
    producer.join()

    assert text_of(events).strip() == "one two three four five six"
    assert isinstance(events[-1], Ended)


def test_finished_turn_is_read_from_the_database(turn, fake_llm):
    asyncio.run(read(turn.pk))

    events = asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert events == [Snapshot(turn.answer), Ended()]
    assert len(fake_llm.chat_requests) == 1


def test_stop_keeps_the_text_so_far_and_stops_the_model(turn, fake_llm):
    fake_llm.enqueue(Reply("word " * 200, token_delay_seconds=0.05))

    async def stop_after_three():
        deltas = 0
        async for event in streaming.follow(turn.pk):
            deltas += isinstance(event, Delta)
            if deltas == 3:
                streaming.stop_here(turn.pk)

    asyncio.run(stop_after_three())

    turn.refresh_from_db()
    assert turn.status == "STOPPED"
    assert 1 <= len(turn.answer.split()) < 50
    assert fake_llm.wait_until(lambda: fake_llm.cancelled)
    assert turn.calls.get().tokens_estimated


def test_stop_asked_in_another_process_takes_effect_within_a_second(turn, fake_llm):
    fake_llm.enqueue(Reply("word " * 200, token_delay_seconds=0.05))

    async def stop_by_row():
        asked = False
        async for event in streaming.follow(turn.pk):
            if isinstance(event, Delta) and not asked:
                asked = True
                await in_database(request_stop, turn=turn)

    asyncio.run(asyncio.wait_for(stop_by_row(), 5))

    turn.refresh_from_db()
    assert turn.status == "STOPPED"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=500), "server_error"),
        (Reply(status=429, headers={"Retry-After": "0"}), "rate_limited"),
        (Reply(status=401), "authentication"),
        (Reply(break_after_tokens=3), "stream_broken"),
        (Reply(malformed_after_tokens=3), "malformed"),
        (Reply(""), "empty"),
    ],
)
def test_failing_model_leaves_a_failed_turn_in_plain_words(turn, fake_llm, reply, code):
    fake_llm.enqueue(*[reply] * 4)

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert (turn.status, turn.error_code) == ("FAILED", code)
    assert len(turn.error_message) > 20
    assert turn.calls.get().error_code == code
    assert turn.hits.exists()


def test_failed_turn_can_be_retried(turn, fake_llm, alice):
    fake_llm.enqueue(Reply(status=401), "Press the button [1].")
    asyncio.run(read(turn.pk))
    turn.refresh_from_db()

    again = regenerate(turn=turn, user=alice)
    asyncio.run(read(again.pk))

    again.refresh_from_db()
    assert (again.status, again.answer.strip()) == ("DONE", "Press the button [1].")


def test_fallback_model_answers_and_it_is_said(alice, fake_llm):
    make_knowledge()
    turn = start_conversation(user=alice, question="How is the pump started?", model="fake/http-500")
    type(turn.config).objects.update(fallback_model="fake/default")

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert turn.status == "DONE"
    assert turn.degraded == "fake/http-500 failed, fake/default answered"
    assert [call.error_code for call in turn.calls.all()] == ["server_error", ""]


def test_follow_up_is_rewritten_with_the_history(turn, fake_llm):
    asyncio.run(read(turn.pk))
    fake_llm.enqueue("How is the pump stopped?", "Press the red button [1].")
    second = ask(conversation=turn.conversation, question="And stopped?")

    asyncio.run(read(second.pk))

    second.refresh_from_db()
    assert second.search_query == "How is the pump stopped?"
    assert [call.purpose for call in second.calls.all()] == ["rewrite", "answer"]
    assert second.rewrite_seconds is not None


def test_failed_rewrite_is_recorded_and_the_rule_takes_its_place(turn, fake_llm):
    asyncio.run(read(turn.pk))
    fake_llm.enqueue(Reply(status=400), "Press the red button [1].")
    second = ask(conversation=turn.conversation, question="And how is it stopped?")

    asyncio.run(read(second.pk))

    second.refresh_from_db()
    assert second.status == "DONE"
    assert second.degraded.startswith("rewriting failed (bad_request)")


def test_stages_of_the_config_are_gone_through_and_recorded(turn, fake_llm):
    type(turn.config).objects.update(query_count=2, rerank="llm", context="neighbours", max_per_document=3)
    fake_llm.enqueue('{"queries": ["switch the pump on"]}', '{"ranking": [2, 1]}', "Press the green button [2].")

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert (turn.status, turn.degraded) == ("DONE", "")
    assert [(call.purpose, call.prompt_name) for call in turn.calls.all()] == [
        ("rewrite", "multi_query_v1"),
        ("rerank", "rerank_v1"),
        ("answer", "answer_v1"),
    ]
    assert min(turn.expand_seconds, turn.rerank_seconds, turn.context_seconds) > 0
    assert list(turn.hits.values_list("rank", "search_rank", "is_cited"))[:2] == [(1, 2, False), (2, 1, True)]
    assert "Stopping the pump" not in turn.hits.get(rank=2).text
    source = fake_llm.chat_requests[-1].last_user_message.split("[2] Pump manual")[1].split("</source>")[0]
    assert "Starting the pump" in source and "# Pump manual" in source


@pytest.mark.parametrize(
    ("tokens", "answer"),
    [
        (("Press\x00 ", "the button [1].\x00"), "Press the button [1]."),
        (("Press \ud83d", "\ude00 the button [1]."), "Press \U0001f600 the button [1]."),
        (("Press \ud83d", " the button [1].\ud83d"), "Press \ufffd the button [1].\ufffd"),
    ],
)
def test_answer_with_what_cannot_be_stored_is_stored_without(turn, fake_llm, tokens, answer):
    fake_llm.enqueue(Reply(tokens=tokens))

    events = asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert (turn.status, turn.answer, text_of(events)) == ("DONE", answer, answer)
    assert turn.calls.get().output_tokens > 0


def test_rewritten_question_is_stored_without_what_cannot_be(turn, fake_llm):
    asyncio.run(read(turn.pk))
    fake_llm.enqueue("How is the\x00 pump stopped\ud83d?", "Press the red button [1].")
    second = ask(conversation=turn.conversation, question="And stopped?")

    asyncio.run(read(second.pk))

    second.refresh_from_db()
    assert (second.status, second.search_query) == ("DONE", "How is the pump stopped\ufffd?")


@pytest.fixture
def refusing_database(transactional_db):
    """Let the database refuse answers that have the word "forbidden" in them."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE chat_turn ADD CONSTRAINT refused CHECK (answer NOT LIKE '%forbidden%')")
        yield
        cursor.execute("ALTER TABLE chat_turn DROP CONSTRAINT refused")


def test_answer_that_is_refused_fails_alone_and_is_paid(turn, fake_llm, alice, refusing_database):
    other = start_conversation(user=alice, question="How is the pump started?", model="fake/slow")
    fake_llm.script = lambda request: Reply(
        "word " * 60 if request.model == "slow" else "forbidden " * 60, token_delay_seconds=0.05
    )

    async def both() -> tuple[list, list]:
        bad, good = asyncio.create_task(read(turn.pk)), asyncio.create_task(read(other.pk))
        await bad
        saved = await in_database(Turn.objects.get, pk=other.pk)
        assert (saved.status, saved.answer[:4]) == ("STREAMING", "word")
        return await bad, await good

    asyncio.run(both())

    turn.refresh_from_db()
    other.refresh_from_db()
    assert (turn.status, turn.error_code, turn.answer) == ("FAILED", "internal", "")
    assert "cannot be stored" in turn.error_message
    assert turn.calls.get().output_tokens > 0
    assert turn.hits.exists() and turn.hit_count
    assert (other.status, other.answer.strip()) == ("DONE", ("word " * 60).strip())


def test_answer_that_is_refused_at_its_end_fails_at_once(turn, fake_llm, refusing_database):
    fake_llm.enqueue("Press the forbidden button [1].")

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert (turn.status, turn.error_code, turn.answer, turn.may_retry) == ("FAILED", "internal", "", True)
    assert turn.calls.get().output_tokens > 0


@pytest.fixture
def database_without_calls(transactional_db):
    """Let the database refuse the calls of one model."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE chat_llmcall ADD CONSTRAINT refused CHECK (model <> 'fake/slow')")
        yield
        cursor.execute("ALTER TABLE chat_llmcall DROP CONSTRAINT refused")


def test_answer_whose_calls_are_refused_keeps_its_text_and_has_no_known_cost(alice, fake_llm, database_without_calls):
    make_knowledge()
    turn = start_conversation(user=alice, question="How is the pump started?", model="fake/slow")
    fake_llm.enqueue(Reply("word " * 30, token_delay_seconds=0.05))

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert (turn.status, turn.answer[:9], turn.cost_usd) == ("FAILED", "word word", None)
    assert not turn.calls.exists()


def test_only_a_database_that_is_away_may_take_the_same_later():
    away, refused = (OperationalError(), InterfaceError()), (DataError(), IntegrityError(), ValueError())

    assert [is_away(error) for error in (*away, *refused)] == [True, True, False, False, False]


@pytest.mark.django_db
def test_database_that_may_not_be_written_to_for_a_moment_is_away():
    """As while another server takes over."""
    with pytest.raises(InternalError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
        cursor.execute("DELETE FROM chat_turn")

    assert is_away(refused.value)


def test_turn_of_a_dead_process_ends_for_its_readers(turn):
    claim_turn(turn.pk)
    Turn.objects.filter(pk=turn.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=30), answer="Half")

    events = asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert events == [Snapshot("Half"), Ended()]
    assert turn.status == "INTERRUPTED"


def test_shutdown_marks_running_answers_as_interrupted(turn, fake_llm):
    fake_llm.enqueue(Reply("word " * 200, token_delay_seconds=0.05))

    async def shut_down_in_the_middle():
        await streaming.startup()
        async for event in streaming.follow(turn.pk):
            if isinstance(event, Delta):
                await streaming.shutdown()

    asyncio.run(shut_down_in_the_middle())

    turn.refresh_from_db()
    assert (turn.status, turn.may_retry) == ("INTERRUPTED", True)
    assert turn.answer


def test_produce_now_answers_without_a_reader(turn):
    assert asyncio.run(streaming.produce_now(turn.pk, 10)) is True

    turn.refresh_from_db()
    assert turn.status == "DONE"


def test_offline_answer_quotes_the_sentence_that_answers(alice):
    make_knowledge()
    turn = start_conversation(user=alice, question="How is the pump started?")

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert turn.status == "DONE"
    assert "green button" in turn.answer
    assert "[1]" in turn.answer
    assert turn.cost_usd == 0
    assert not turn.calls.exists()


def test_question_about_something_else_is_answered_by_nothing_found(alice):
    make_knowledge()
    turn = start_conversation(user=alice, question="Who won the football world cup in 1998?")

    asyncio.run(read(turn.pk))

    turn.refresh_from_db()
    assert (turn.status, turn.nothing_found) == ("DONE", True)


def test_text_collects_only_where_many_answers_run_and_longer_while_others_wait(monkeypatch):
    async def seconds(speaking: int, silent: int, in_line: int) -> float:
        process = streaming._Process()
        for number in range(speaking + silent):
            process.running[number] = streaming._Running(number, pieces=["text"] if number < speaking else [])
        monkeypatch.setattr(streaming, "requests_in_line", lambda: in_line)
        return round(process.collect_seconds(), 3)

    assert asyncio.run(seconds(10, 9, 0)) == 0.0
    assert asyncio.run(seconds(50, 0, 0)) == 0.15
    assert asyncio.run(seconds(300, 0, 0)) == 0.4
    assert asyncio.run(seconds(45, 5, 5)) == 0.35
    assert asyncio.run(seconds(200, 100, 100)) == 1.0


def test_text_that_collects_comes_in_few_pieces_and_whole(turn, fake_llm, monkeypatch):
    monkeypatch.setattr(streaming, "COLLECT_FROM_ANSWERS", 1)
    monkeypatch.setattr(streaming, "COLLECT_SECONDS_PER_ANSWER", 0.3)
    words = [f"word{number} " for number in range(40)]
    fake_llm.enqueue(Reply("".join(words), token_delay_seconds=0.02))

    events = asyncio.run(read(turn.pk))

    assert text_of(events) == "".join(words)
    assert sum(isinstance(event, Delta) for event in events) < 12


def test_a_silent_line_gets_a_sign_of_life(turn, fake_llm, monkeypatch):
    monkeypatch.setattr(streaming, "QUIET_SECONDS", 0.1)
    fake_llm.enqueue(Reply("late", first_token_delay_seconds=0.5))

    events = asyncio.run(read(turn.pk))

    assert any(isinstance(event, Quiet) for event in events)
    assert isinstance(events[-1], Ended)
