"""Which conversation a question of a program belongs to, and what its answer is given on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import ClientConversation, Conversation, ImplicitSignal, Turn
from chat.rag.config import Exchange
from chat.services.answering import prepare
from chat.services.client_conversations import Asked, Choices, ConversationBusyError, ask_for_client, note_answer
from chat.services.conversations import delete_conversation, regenerate, start_conversation
from monitoring.datasets.from_turns import _history as history_of_item
from tests.factories import make_config

pytestmark = pytest.mark.django_db
ONE, TWO = Exchange("One?", "1."), Exchange("Two?", "2.")


def asked(*before, question="Next?", **more):
    return Asked(question, tuple(before), **more)


def ask(user, *before, answer="An answer.", choices=None, **more):
    """Ask, and answer unless `answer` is None."""
    what = asked(*before, **more)
    turn = ask_for_client(user=user, asked=what, choices=choices or Choices())
    if answer is not None:
        Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.DONE, answer=answer)
        turn.refresh_from_db()
        note_answer(turn=turn, asked=what)
    return turn


def test_questions_without_history_begin_conversations(alice):
    first, second = ask(alice, question="One?"), ask(alice, question="One?")

    assert first.conversation_id != second.conversation_id
    assert (first.origin, first.conversation.title) == ("API", "One?")
    assert first.is_current
    assert second.is_current


def test_transcript_leads_to_its_conversation_whatever_the_space_around(alice):
    first = ask(alice, question="One?", answer="1.\n")
    second = ask(alice, ONE, question="Two?", answer="2.")
    third = ask(alice, ONE, TWO)

    assert first.conversation_id == second.conversation_id == third.conversation_id
    assert (second.position, third.position) == (2, 3)
    assert (second.given_history, third.given_history) == (None, None)


def test_newest_of_conversations_that_stand_alike_goes_on(alice):
    ask(alice, question="One?", answer="1.")
    newer = ask(alice, question="One?", answer="1.")

    assert ask(alice, ONE).conversation_id == newer.conversation_id


def test_transcripts_of_others_are_not_found(alice, mallory):
    first = ask(alice, question="One?", answer="1.", end_user="a")

    for turn in (ask(mallory, ONE), ask(alice, ONE, end_user="b"), ask(alice, ONE)):
        assert turn.conversation_id != first.conversation_id
        assert turn.given_history == [{"question": "One?", "answer": "1."}]
    assert ask(alice, ONE, end_user="a").conversation_id == first.conversation_id


def test_edited_transcript_begins_a_conversation_and_the_answer_is_given_on_it(alice):
    first = ask(alice, question="One?", answer="1.")

    turn = ask(alice, Exchange("One?", "Edited."))

    assert turn.conversation_id != first.conversation_id
    request, _ = prepare(turn.pk)
    assert request.history == (Exchange("One?", "Edited."),)
    assert history_of_item(turn) == ({"question": "One?", "answer": "Edited."},)


def test_conversation_that_began_elsewhere_goes_on_with_what_the_client_sends(alice):
    first = ask(alice, ONE, question="Two?", answer="2.")

    second = ask(alice, ONE, TWO)

    assert second.conversation_id == first.conversation_id
    request, _ = prepare(second.pk)
    assert request.history == (ONE, TWO)


def test_only_the_last_exchanges_are_kept(alice):
    many = [Exchange(f"{number}?", f"{number}.") for number in range(10)]

    assert [said["question"] for said in ask(alice, *many).given_history] == ["4?", "5?", "6?", "7?", "8?", "9?"]


def test_question_sent_again_takes_the_place_of_the_last(alice):
    ask(alice, question="One?", answer="1.")
    first = ask(alice, ONE, question="Two?")

    again = ask(alice, ONE, question="Two?")
    other = ask(alice, ONE, question="Three?")

    first.refresh_from_db()
    assert (again.replaces, again.position, first.is_current) == (first, 2, False)
    assert ImplicitSignal.objects.get().kind == ImplicitSignal.Kind.REGENERATE
    assert other.conversation_id != first.conversation_id  # the conversation has gone on from there


def test_first_question_sent_again_under_its_name_takes_the_place_of_the_first(alice):
    first = ask(alice, question="One?", client_id="ticket")

    assert ask(alice, question="One?", client_id="ticket").replaces == first


def test_failed_answer_is_tried_again_in_its_place(alice):
    ask(alice, question="One?", answer="1.")
    failed = ask(alice, ONE, question="Two?", answer=None)
    Turn.objects.filter(pk=failed.pk).update(status=Turn.Status.FAILED)

    assert ask(alice, ONE, question="Two?").replaces == failed


def test_name_leads_to_its_conversation_whatever_the_history(alice):
    first = ask(alice, question="One?", answer="1.", client_id="ticket")

    second = ask(alice, ONE, question="Two?", answer="2.", client_id="ticket")
    edited = ask(alice, Exchange("One?", "Edited."), client_id="ticket")
    without = ask(alice, question="And?", client_id="ticket")
    by_id = ask(alice, ONE, question="So?", client_id=str(first.conversation_id))

    turns = [first, second, edited, without, by_id]
    assert {turn.conversation_id for turn in turns} == {first.conversation_id}
    assert [turn.position for turn in turns] == [1, 2, 3, 4, 5]
    assert second.given_history is None
    assert edited.given_history == [{"question": "One?", "answer": "Edited."}]
    assert without.given_history == []
    assert prepare(without.pk)[0].history == ()


def test_conversation_of_the_chat_goes_on_by_its_id_with_turns_of_the_api(alice):
    turn = start_conversation(user=alice, question="One?")
    Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.DONE, answer="1.")

    second = ask(alice, ONE, client_id=str(turn.conversation_id))

    assert second.conversation_id == turn.conversation_id
    assert (second.origin, second.given_history) == ("API", None)
    assert Conversation.objects.get().origin == "USER"


def test_named_conversation_takes_no_question_while_it_is_answered(alice):
    ask(alice, question="One?", answer=None, client_id="ticket")

    with pytest.raises(ConversationBusyError):
        ask(alice, question="Two?", client_id="ticket")
    assert Turn.objects.count() == 1


def test_transcript_whose_conversation_is_answered_begins_another(alice):
    first = ask(alice, question="One?", answer="1.")
    ask(alice, ONE, question="Two?", answer=None)

    assert ask(alice, ONE, question="Two?").conversation_id != first.conversation_id


def test_what_answers_is_what_each_request_says(alice):
    config = make_config(name="careful", search_mode="text")
    ask(alice, question="One?", answer="1.", choices=Choices(config=config))

    again = ask(alice, ONE, question="Two?", answer="2.", choices=Choices(search_mode="vector"))

    assert Turn.objects.get(position=1).config == config
    assert (again.config.name, again.search_mode) == ("default", "vector")


def test_deleted_conversation_leaves_neither_texts_nor_hashes(alice):
    turn = ask(alice, ONE, question="Two?", answer="2.", client_id="ticket")

    delete_conversation(conversation=turn.conversation)

    turn.refresh_from_db()
    assert turn.given_history is None
    assert not ClientConversation.objects.exists()
    assert ask(alice, question="One?", client_id="ticket").conversation_id != turn.conversation_id


def test_answer_that_is_regenerated_in_the_chat_is_given_on_the_same(alice):
    turn = ask(alice, ONE, question="Two?")

    assert regenerate(turn=turn, user=alice).given_history == [{"question": "One?", "answer": "1."}]


def test_older_conversation_is_not_mixed_up_with_one_that_has_no_answer_yet(alice):
    ask(alice, question="One?", answer="1.")
    ClientConversation.objects.update(asked_at=timezone.now() - timedelta(days=1))
    newer = ask(alice, question="One?", answer=None)

    assert ask(alice, ONE).conversation_id != newer.conversation_id
