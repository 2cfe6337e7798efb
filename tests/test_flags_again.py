"""Flags over time: votes taken back, items reopened, the sample, and that nothing happens twice."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chat.models import Feedback, Turn
from chat.services.feedback import withdraw_feedback
from monitoring.flags.raising import TAKEN_BACK, raise_flags, sweep_flags
from monitoring.models import Flag, Review, ReviewItem
from tests.factories import make_conversation, make_feedback, make_turn, make_user
from tests.flagged import flags_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_sample(settings) -> None:
    settings.REVIEW_SAMPLE_RATE = 0.0
    settings.REVIEW_DOUBLE_RATE = 0.0


def test_vote_taken_back_takes_its_flag_and_untouched_item_along():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user))
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    withdraw_feedback(turn=turn, user=user)
    raise_flags([turn.pk])

    assert not Flag.objects.exists()
    assert not ReviewItem.objects.exists()


def test_vote_taken_back_leaves_what_else_is_wrong():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user), total_seconds=99)
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    withdraw_feedback(turn=turn, user=user)
    sweep_flags()

    assert flags_of(turn) == [("SLOW", False)]
    assert ReviewItem.objects.get().priority == 1


def test_vote_taken_back_stays_a_reason_once_somebody_reviews_it():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user))
    make_feedback(turn=turn, value=Feedback.Value.DOWN, comment="No.")
    raise_flags([turn.pk])
    Review.objects.create(item=ReviewItem.objects.get(), reviewer=make_user(), reserved_until=timezone.now())

    withdraw_feedback(turn=turn, user=user)
    raise_flags([turn.pk])
    raise_flags([turn.pk])

    assert turn.flags.get().detail == f"No.; {TAKEN_BACK}"
    make_feedback(turn=turn, value=Feedback.Value.DOWN, comment="No, no.")
    assert raise_flags([turn.pk]) == 0
    assert turn.flags.get().detail == "No, no."


def test_new_flag_reopens_a_finished_item():
    conversation = make_conversation()
    first = make_turn(conversation=conversation, total_seconds=99)
    raise_flags([first.pk])
    Flag.objects.update(settled_at=timezone.now())
    ReviewItem.objects.update(status="RESOLVED", resolved_at=timezone.now())
    before = ReviewItem.objects.get()
    second = make_turn(conversation=conversation, status=Turn.Status.FAILED)

    raise_flags([first.pk, second.pk])

    item = ReviewItem.objects.get()
    assert (item.status, item.round, item.priority) == ("OPEN", 2, 2)
    assert item.opened_at > before.opened_at


def test_reopened_item_is_finished_again_when_its_reason_goes():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user), total_seconds=99)
    raise_flags([turn.pk])
    Flag.objects.update(settled_at=timezone.now())
    ReviewItem.objects.update(status="RESOLVED", resolved_at=timezone.now())
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    withdraw_feedback(turn=turn, user=user)
    raise_flags([turn.pk])

    item = ReviewItem.objects.get()
    assert (item.status, item.round) == ("RESOLVED", 1)


def test_reason_counts_once_however_many_turns_have_it():
    conversation = make_conversation()
    turns = [make_turn(conversation=conversation, total_seconds=99) for _ in range(3)]

    assert raise_flags([turn.pk for turn in turns]) == 3
    assert ReviewItem.objects.get().priority == 1


def test_sample_is_about_its_share_and_stays_the_same(settings):
    settings.REVIEW_SAMPLE_RATE = 0.2
    conversation = make_conversation()
    config = make_turn(conversation=conversation).config
    turns = [make_turn(conversation=conversation, config=config, position=number) for number in range(2, 501)]

    drawn = raise_flags([turn.pk for turn in turns])

    assert 60 <= drawn <= 140  # 99.8, and more than four standard deviations (8.9) to each side
    assert set(Flag.objects.values_list("weight", flat=True)) == {5.0}
    assert raise_flags([turn.pk for turn in turns]) == 0


def test_higher_rate_draws_more_and_each_stands_for_fewer(settings):
    settings.REVIEW_SAMPLE_RATE = 0.2
    conversation = make_conversation()
    config = make_turn(conversation=conversation).config
    turns = [make_turn(conversation=conversation, config=config, position=number) for number in range(2, 101)]
    raise_flags([turn.pk for turn in turns])
    before = set(Flag.objects.values_list("turn_id", flat=True))
    settings.REVIEW_SAMPLE_RATE = 1.0

    raise_flags([turn.pk for turn in turns])

    assert before < set(Flag.objects.values_list("turn_id", flat=True))
    assert Flag.objects.filter(weight=1.0).count() == 99


def test_lower_rate_leaves_what_is_drawn(settings):
    settings.REVIEW_SAMPLE_RATE = 1.0
    turn = make_turn()
    raise_flags([turn.pk])
    settings.REVIEW_SAMPLE_RATE = 0.01

    raise_flags([turn.pk])

    assert turn.flags.get().weight == 1.0


@pytest.mark.parametrize(("rate", "wanted"), [(0.0, 1), (1.0, 2)])
def test_share_of_the_items_wants_two_reviewers(settings, rate, wanted):
    settings.REVIEW_DOUBLE_RATE = rate
    turn = make_turn(total_seconds=99)

    raise_flags([turn.pk])

    assert ReviewItem.objects.get().reviews_wanted == wanted


def test_sweep_looks_only_so_far_back(settings):
    settings.JUDGE_LOOKBACK_DAYS = 7
    turn = make_turn(total_seconds=99)
    Turn.objects.update(created_at=timezone.now() - timedelta(days=8))

    assert sweep_flags() == 0
    assert raise_flags([turn.pk]) == 1


@pytest.mark.django_db(transaction=True)
def test_many_processes_at_once_raise_each_flag_once():
    turns = [make_turn(total_seconds=99, removed_citations=1) for _ in range(20)]
    raised: list[int] = []

    def run() -> None:
        raised.append(raise_flags([turn.pk for turn in turns]))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(raised) == 40
    assert Flag.objects.count() == 40
    assert ReviewItem.objects.count() == 20
