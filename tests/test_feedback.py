"""Votes: one per user and answer, changeable, undoable, with reasons and a comment."""

import pytest
from django.db import IntegrityError

from chat.exceptions import ChatError
from chat.models import Feedback, Turn
from chat.services.conversations import start_conversation
from chat.services.feedback import give_feedback, record_signal, withdraw_feedback
from chat.signals import feedback_given

pytestmark = pytest.mark.django_db


@pytest.fixture
def turn(alice):
    turn = start_conversation(user=alice, question="Why?")
    Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.DONE, answer="So.")
    turn.refresh_from_db()
    return turn


def test_vote_is_stored_with_reasons_and_comment(alice, turn):
    give_feedback(turn=turn, user=alice, value=-1, reasons=["OTHER", "INACCURATE"], comment=" Not so. ")

    feedback = Feedback.objects.get()
    assert (feedback.value, feedback.reasons, feedback.comment) == (-1, ["INACCURATE", "OTHER"], "Not so.")


def test_second_vote_changes_the_first(alice, turn):
    give_feedback(turn=turn, user=alice, value=-1, reasons=["TOO_LONG"], comment="Long")

    give_feedback(turn=turn, user=alice, value=1)

    feedback = Feedback.objects.get()
    assert (feedback.value, feedback.reasons, feedback.comment) == (1, [], "Long")


def test_same_vote_again_keeps_reasons_and_comment(alice, turn):
    give_feedback(turn=turn, user=alice, value=-1, reasons=["TOO_LONG"], comment="Long")

    give_feedback(turn=turn, user=alice, value=-1)

    feedback = Feedback.objects.get()
    assert (feedback.reasons, feedback.comment) == (["TOO_LONG"], "Long")


def test_vote_can_be_taken_back_once(alice, turn):
    give_feedback(turn=turn, user=alice, value=1)

    assert withdraw_feedback(turn=turn, user=alice) is True
    assert withdraw_feedback(turn=turn, user=alice) is False
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"value": 77}, "1 \\(thumbs up\\) or -1"),
        ({"value": 1, "reasons": ["BORING"]}, "Unknown reason BORING"),
        ({"value": 1, "comment": "x" * 2001}, "at most 2,000"),
    ],
)
def test_bad_vote_is_refused_in_words(alice, turn, bad, words):
    with pytest.raises(ChatError, match=words):
        give_feedback(turn=turn, user=alice, **bad)
    assert not Feedback.objects.exists()


def test_unfinished_answer_takes_no_vote(alice, turn):
    Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.STREAMING)
    turn.refresh_from_db()

    with pytest.raises(ChatError, match="still being written"):
        give_feedback(turn=turn, user=alice, value=1)


def test_database_refuses_another_value(alice, turn):
    with pytest.raises(IntegrityError):
        Feedback.objects.create(turn=turn, user=alice, value=2)


def test_vote_is_announced_after_commit(alice, turn, django_capture_on_commit_callbacks):
    heard = []

    def hear(**payload):
        heard.append((payload["turn_id"], payload["value"]))

    feedback_given.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            give_feedback(turn=turn, user=alice, value=1)
            withdraw_feedback(turn=turn, user=alice)
    finally:
        feedback_given.disconnect(hear)

    assert heard == [(turn.pk, 1), (turn.pk, None)]


def test_unknown_signal_is_refused(alice, turn):
    record_signal(turn=turn, user=alice, kind="COPY")

    with pytest.raises(ChatError, match='"SHOUT" is no signal'):
        record_signal(turn=turn, user=alice, kind="SHOUT")
    assert turn.signals.count() == 1
