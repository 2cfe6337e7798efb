"""Which conversation a question by OpenAI's protocol goes on with: by the history that it brings, or by a name."""

import threading
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from chat.models import ClientConversation, Conversation, Turn
from tests.fake_replies import Reply
from tests.openai_protocol.site import GREEN, QUESTION, ask, client_of, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_history_goes_on_with_its_conversation(client, llm):
    llm.enqueue(GREEN, "how the pump is stopped", "The red one [1].", "why the red button stops the pump", "So.")

    first = ask(client, QUESTION)
    second = ask(client, QUESTION, first.choices[0].message.content, "And stopped?")
    ask(client, QUESTION, GREEN, "And stopped?", second.choices[0].message.content, "Why?")

    turns = list(Conversation.objects.get().turns.order_by("position"))
    assert [turn.question for turn in turns] == [QUESTION, "And stopped?", "Why?"]
    assert [turn.given_history for turn in turns] == [None, None, None]
    asked = llm.chat_requests[-1].body["messages"]
    assert [message["content"] for message in asked[1:-1]] == [QUESTION, GREEN, "And stopped?", "The red one [1]."]


def test_two_who_go_on_at_the_same_moment_are_both_answered(client, llm):
    llm.script = lambda request: Reply(GREEN)
    ask(client, QUESTION)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: ask(client, QUESTION, GREEN, "How is the pump stopped?"), range(2)))

    assert [answer.choices[0].message.content for answer in answers] == [GREEN] * 2
    assert Turn.objects.filter(status="DONE", question="How is the pump stopped?").count() == 2


def test_history_from_elsewhere_is_what_the_answer_is_given_on(client, llm):
    llm.enqueue("the pump", "Yes [1].", "the pump again", "Still yes [1].")

    ask(client, "What is a valve?", "It opens.", "And a pump?")
    ask(client, "What is a valve?", "It opens.", "And a pump?", "Yes [1].", "Sure?")

    first, second = Turn.objects.order_by("pk")
    assert first.conversation_id == second.conversation_id
    assert first.given_history == [{"question": "What is a valve?", "answer": "It opens."}]
    assert llm.chat_requests[1].body["messages"][1:3] == say("What is a valve?", "It opens.")
    assert len(second.given_history) == 2  # more than what is stored


def test_conversation_is_named_by_a_header(client, alice, llm):
    llm.enqueue(GREEN, "the red button", "The red one [1].")
    name = {"X-Conversation-ID": "ticket 7"}

    ask(client, QUESTION, extra_headers=name)
    last = ask(client, QUESTION, GREEN, "And stopped?", extra_headers=name)
    ask(client, QUESTION, extra_headers={"X-OpenWebUI-Chat-Id": last.model_extra["ragsite"]["conversation_id"]})

    conversation = Conversation.objects.get()
    assert ClientConversation.objects.get().client_id == "ticket 7"
    histories = conversation.turns.order_by("position").values_list("given_history", flat=True)
    assert list(histories) == [None, None, []]  # the third one was sent without any
    assert conversation.user == alice


def test_names_of_conversations_are_a_user_s_own(client, url, mallory):
    name = {"X-Conversation-ID": "ticket 7"}
    mine = ask(client, QUESTION, extra_headers=name).model_extra["ragsite"]["conversation_id"]

    with client_of(url, mallory) as other:
        ask(other, QUESTION, extra_headers=name)
        ask(other, QUESTION, extra_headers={"X-Conversation-ID": mine})

    assert Conversation.objects.filter(user=mallory).count() == 2
    assert Conversation.objects.get(pk=mine).turns.count() == 1


def test_conversation_that_is_being_answered_takes_no_second_question(client, llm):
    gate, name = threading.Event(), {"X-Conversation-ID": "ticket 7"}
    llm.enqueue(Reply(GREEN, gate=gate))
    stream = ask(client, QUESTION, stream=True, extra_headers=name)
    next(iter(stream))

    with pytest.raises(openai.ConflictError) as refused:
        ask(client, QUESTION, extra_headers=name)

    assert refused.value.code == "conversation_busy"
    gate.set()
    assert list(stream)[-1].choices[0].finish_reason == "stop"
