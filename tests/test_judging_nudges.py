"""What makes the worker judge: a nudge for a finished turn or a vote, the sweep, and orders for old traffic."""

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import Conversation, Turn
from chat.rag.config import Provider
from chat.services.turns import request_stop
from chat.signals import feedback_given, turn_finished
from monitoring import tasks
from monitoring.exceptions import JudgingError
from monitoring.experiments.running import running_plan
from monitoring.judging import nudges, worker
from monitoring.judging.backfills import cancel_backfill, close_finished, order_backfill
from monitoring.judging.forgetting import forget_deleted
from monitoring.models import Flag, JudgeRule, Score
from tests.factories import make_conversation, make_feedback, make_turn
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.judged import VERDICT, ago, make_finished, make_many, make_rule, make_score

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = Reply(VERDICT)


@pytest.fixture
def fake_llm(settings):
    JudgeRule.objects.all().delete()  # those that a migration makes
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


def test_a_nudge_is_one_insert(fake_llm, django_assert_num_queries, settings):
    settings.REMEMBER_SECONDS = 60
    turn = make_finished()
    running_plan()  # that no experiment runs is known to a process already

    with django_assert_num_queries(1):
        turn_finished.send(
            sender=Turn, turn_id=turn.pk, conversation_id=turn.conversation_id, status="DONE", origin="USER"
        )

    task = OrmQ.objects.get().task
    assert (task["func"], task["args"]) == (nudges.LOOK_AT, (turn.pk,))


def test_turns_of_evaluations_are_left_to_the_sweep(fake_llm):
    turn = make_finished(origin="EVALUATION")

    turn_finished.send(
        sender=Turn, turn_id=turn.pk, conversation_id=turn.conversation_id, status="DONE", origin="EVALUATION"
    )

    assert OrmQ.objects.count() == 0


def test_a_turn_is_finished_although_the_worker_cannot_be_told(fake_llm):
    """The queue's table is away, as it is while an operator mends it."""
    turn = make_turn(status=Turn.Status.PENDING)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq RENAME TO away")
    try:
        request_stop(turn=turn)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO django_q_ormq")

    turn.refresh_from_db()
    assert turn.status == "STOPPED"


def test_looking_at_a_turn_judges_it_and_takes_other_nudges_along(fake_llm):
    make_rule()
    turns = make_many(3)
    for turn in turns:
        nudges.nudge(turn.pk)
    fake_llm.enqueue(*[GOOD] * 3)

    tasks.look_at(turns[0].pk)

    assert (Score.objects.count(), OrmQ.objects.count()) == (3, 0)
    assert tasks.look_at(turns[1].pk) == "0 judged, 0 without a value"
    assert tasks.look_at(987654321) == "0 judged, 0 without a value"  # a turn that is gone


def test_thumbs_down_is_flagged_by_the_worker(fake_llm):
    feedback = make_feedback(turn=make_finished(), value=-1)
    feedback_given.send(sender=type(feedback), turn_id=feedback.turn_id, value=-1, user_id=feedback.user_id)
    task = OrmQ.objects.get().task

    tasks.look_at(*task["args"])

    assert Flag.objects.get().reason == Flag.Reason.THUMBS_DOWN


def test_what_no_nudge_told_of_is_judged_by_the_sweep(fake_llm):
    make_rule()
    make_finished(finished_at=ago(minutes=30))
    fake_llm.enqueue(GOOD)

    tasks.sweep_judging()
    tasks.sweep_judging()
    assert {row.task["func"] for row in OrmQ.objects.all()} == {nudges.JUDGE_DUE}
    tasks.judge_due()

    assert (Score.objects.count(), OrmQ.objects.count()) == (1, 0)
    assert tasks.judge_due() == "0 judged, 0 without a value"


def test_a_slice_that_ends_early_asks_for_the_next(fake_llm):
    make_rule()
    make_many(2)

    assert "more is due" in tasks.judge_due(seconds=0)

    assert OrmQ.objects.get().task["func"] == nudges.JUDGE_DUE


def test_old_traffic_is_judged_on_order(fake_llm):
    rule = make_rule()
    for days in (40, 41, 90):
        make_finished(finished_at=ago(days=days))
    order = order_backfill(rule=rule, begin=ago(days=50), end=ago(days=30))
    assert order.total_turns == 2
    assert close_finished() == 0
    fake_llm.enqueue(GOOD, GOOD)

    tasks.judge_due()

    order.refresh_from_db()
    assert (order.status, Score.objects.count()) == ("DONE", 2)
    with pytest.raises(JudgingError, match="Nothing is due"):
        order_backfill(rule=rule, begin=ago(days=50), end=ago(days=30))


def test_a_cancelled_order_keeps_its_verdicts_and_makes_no_more(fake_llm):
    rule = make_rule()
    make_finished(finished_at=ago(days=40))
    order = order_backfill(rule=rule, begin=ago(days=50), end=ago(days=30))

    cancel_backfill(backfill=order)
    tasks.judge_due()

    order.refresh_from_db()
    assert (order.status, Score.objects.count()) == ("CANCELLED", 0)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [({"is_active": False}, "is off"), ({"model": "unknown/judge"}, "unknown"), ({}, "Nothing is due")],
)
def test_an_order_that_cannot_be_carried_out_says_why(fake_llm, overrides, words):
    rule = make_rule(**overrides)

    with pytest.raises(JudgingError, match=words):
        order_backfill(rule=rule, begin=ago(days=50), end=ago(days=30))


def test_the_words_of_verdicts_on_deleted_conversations_are_forgotten(fake_llm):
    rule = make_rule()
    kept, gone = make_finished(), make_finished(conversation=make_conversation())
    for turn in (kept, gone):
        make_score(turn, rule, explanation="It quotes the answer.", details={"unsupported": ["a sentence"]})
    Conversation.objects.filter(pk=gone.conversation_id).update(deleted_at=timezone.now())

    assert forget_deleted() == 1
    assert forget_deleted() == 0

    scores = {score.turn_id: score for score in Score.objects.all()}
    assert (scores[gone.pk].explanation, scores[gone.pk].details, scores[gone.pk].value) == ("", {}, 1.0)
    assert scores[kept.pk].explanation


def test_the_lease_is_long_enough_to_be_renewed_more_than_once():
    assert worker.LEASE_SECONDS / 3 >= 10
