"""Asking, regenerating, editing, renaming, deleting: what the services refuse and what they keep."""

import pytest

from chat.exceptions import ChatError, ConfigurationError, QuestionRefusedError
from chat.models import Collection, Conversation, ImplicitSignal, Turn
from chat.services.conversations import (
    ask,
    delete_conversation,
    edit_question,
    regenerate,
    rename_conversation,
    set_choices,
    start_conversation,
    title_for,
)

pytestmark = pytest.mark.django_db


def finished(turn: Turn, answer: str = "An answer.") -> Turn:
    Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.DONE, answer=answer)
    turn.refresh_from_db()
    return turn


def test_first_question_makes_a_conversation_and_a_waiting_turn(alice):
    collection = Collection.objects.create(name="manuals")

    turn = start_conversation(user=alice, question="  How do I start?  ", collection=collection, search_mode="text")

    assert (turn.question, turn.status, turn.position) == ("How do I start?", "PENDING", 1)
    assert (turn.search_mode, turn.model) == ("text", "offline/extractive")
    assert turn.conversation.title == "How do I start?"
    assert turn.collection == collection


@pytest.mark.parametrize(
    ("question", "words"), [("  \n ", "Type a question"), ("x" * 4001, "4,001 characters; at most 4,000")]
)
def test_question_that_cannot_be_asked_is_refused_in_words(alice, question, words):
    with pytest.raises(QuestionRefusedError, match=words):
        start_conversation(user=alice, question=question)
    assert not Conversation.objects.exists()


def test_unknown_model_is_refused_and_names_the_known_ones(alice):
    with pytest.raises(ConfigurationError, match=r'"nowhere" is set up here; known: offline'):
        start_conversation(user=alice, question="Hello?", model="nowhere/big")


def test_unknown_search_mode_is_refused(alice):
    with pytest.raises(ChatError, match="choose text, vector or hybrid"):
        start_conversation(user=alice, question="Hello?", search_mode="magic")


def test_second_question_waits_for_the_first_answer(alice):
    turn = start_conversation(user=alice, question="First?")

    with pytest.raises(QuestionRefusedError, match="still being written"):
        ask(conversation=turn.conversation, question="Second?")

    finished(turn)
    assert ask(conversation=turn.conversation, question="Second?").position == 2


def test_regenerate_keeps_the_old_answer_on_record(alice):
    old = finished(start_conversation(user=alice, question="Why?"))

    new = regenerate(turn=old, user=alice)

    old.refresh_from_db()
    assert (old.is_current, new.is_current, new.replaces, new.position) == (False, True, old, 1)
    assert list(Turn.objects.current().filter(conversation=old.conversation)) == [new]
    assert ImplicitSignal.objects.get().kind == "REGENERATE"


def test_question_has_the_origin_of_its_door_and_the_conversation_keeps_its_own(alice):
    first = finished(start_conversation(user=alice, question="What is a pump?"))
    second = finished(ask(conversation=first.conversation, question="And a valve?", origin="API"))
    third = finished(regenerate(turn=second, user=alice, origin="USER"))
    fourth = ask(conversation=first.conversation, question="And a wheel?")

    assert [turn.origin for turn in (first, second, third, fourth)] == ["USER", "API", "USER", "USER"]
    assert Conversation.objects.get().origin == "USER"


def test_only_the_last_question_can_be_edited(alice):
    first = finished(start_conversation(user=alice, question="First?"))
    second = finished(ask(conversation=first.conversation, question="Second?"))

    with pytest.raises(QuestionRefusedError, match="Only the last question"):
        edit_question(turn=first, question="Other?", user=alice)

    edited = edit_question(turn=second, question="Better?", user=alice)
    assert (edited.question, edited.position, edited.replaces) == ("Better?", 2, second)


def test_editing_the_first_question_changes_a_title_made_from_it(alice):
    turn = finished(start_conversation(user=alice, question="Frist?"))

    edit_question(turn=turn, question="First?", user=alice)

    assert Conversation.objects.get().title == "First?"


def test_unfinished_answer_cannot_be_regenerated(alice):
    turn = start_conversation(user=alice, question="Why?")

    with pytest.raises(QuestionRefusedError, match="stop it first"):
        regenerate(turn=turn, user=alice)


def test_rename_needs_a_title(alice):
    conversation = start_conversation(user=alice, question="Why?").conversation

    with pytest.raises(ChatError, match="at least one character"):
        rename_conversation(conversation=conversation, title="  ")
    rename_conversation(conversation=conversation, title="  About \n pumps ")

    assert Conversation.objects.get().title == "About pumps"


def test_delete_removes_texts_and_keeps_numbers(alice):
    turn = finished(start_conversation(user=alice, question="My secret?"), answer="Your secret.")
    Turn.objects.filter(pk=turn.pk).update(total_seconds=1.5)

    delete_conversation(conversation=turn.conversation)

    turn.refresh_from_db()
    assert (turn.question, turn.answer, turn.total_seconds) == ("", "", 1.5)
    assert not Conversation.objects.visible_to(alice).exists()


def test_choices_hold_for_the_next_question(alice):
    turn = finished(start_conversation(user=alice, question="Why?", search_mode="vector"))

    set_choices(conversation=turn.conversation, search_mode="text")

    assert ask(conversation=turn.conversation, question="And how?").search_mode == "text"


def test_stranger_sees_no_conversation(alice, mallory):
    start_conversation(user=alice, question="Why?")

    assert not Conversation.objects.visible_to(mallory).exists()
    assert not Turn.objects.visible_to(mallory).exists()


def test_search_finds_titles_questions_and_answers(alice):
    turn = finished(start_conversation(user=alice, question="Why?"), answer="Because of GRAVITY.")
    finished(start_conversation(user=alice, question="How?"))

    found = Conversation.objects.visible_to(alice).matching("gravity")

    assert list(found) == [turn.conversation]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Short?", "Short?"),
        ("two\n lines", "two lines"),
        ("word " * 30, "word word word word word word word word word word word word word word word…"),
    ],
)
def test_title_is_the_beginning_of_the_question(question, title):
    assert title_for(question) == title
