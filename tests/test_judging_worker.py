"""The worker that judges: over real HTTP to the scripted model, on real connections of its own."""

import threading
import time
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from chat.exceptions import ConfigurationError
from chat.models import LLMCall, ModelPrice, Turn
from chat.rag.config import Provider
from monitoring.judges.base import Verdict
from monitoring.judges.registry import JUDGES
from monitoring.judging.claims import claim_due
from monitoring.judging.scores import DIED
from monitoring.judging.warming import warm_up
from monitoring.judging.worker import work_on_due
from monitoring.models import Flag, JudgeClaim, JudgeRule, Score
from tests.factories import make_conversation
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.judged import VERDICT, ago, due, make_finished, make_many, make_rule

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = Reply(VERDICT)


@pytest.fixture
def fake_llm(settings):
    JudgeRule.objects.all().delete()  # those that a migration makes
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


def work(seconds=20, **overrides):
    return work_on_due(time.monotonic() + seconds, **overrides)


def test_every_due_turn_gets_its_verdict_with_its_call(fake_llm):
    rule = make_rule()
    turns = make_many(5)
    fake_llm.enqueue(*[GOOD] * 5)

    counts = work()

    assert (counts.valued, counts.unscored, counts.has_more) == (5, 0, False)
    scores = list(Score.objects.order_by("turn_id"))
    assert [score.turn_id for score in scores] == [turn.pk for turn in turns]
    for score in scores:
        assert (score.name, score.source, score.value, score.label) == ("relevance", "JUDGE", 1.0, "RELEVANT")
        assert (score.explanation, score.error, score.rule) == ("It says so.", "", rule)
        assert (score.attempts, score.calls, score.retry_at) == (1, 1, None)
        assert score.judge_version.model == "fake/judge"
        assert score.duration_seconds > 0
    assert LLMCall.objects.filter(purpose="judge").count() == 5
    assert JudgeClaim.objects.count() == 0


def test_a_second_time_nothing_is_asked(fake_llm):
    make_rule()
    make_many(2)
    fake_llm.enqueue(GOOD, GOOD)

    work()
    counts = work()

    assert (counts.valued, len(fake_llm.chat_requests)) == (0, 2)


def test_judges_without_a_model_work_without_a_key(settings):
    JudgeRule.objects.all().delete()
    settings.PROVIDERS = {}
    make_rule(judge="groundedness_offline")
    make_finished()

    work()

    score = Score.objects.get()
    assert (score.name, score.calls, score.cost_usd) == ("groundedness", 0, Decimal(0))
    assert LLMCall.objects.count() == 0


def test_a_quiet_conversation_is_judged_as_a_whole_at_its_last_answer(fake_llm, settings):
    settings.SESSION_QUIET_MINUTES = 5
    make_rule(judge="session_quality_offline")
    conversation = make_conversation()
    make_finished(conversation=conversation, finished_at=ago(minutes=20))
    last = make_finished(conversation=conversation, finished_at=ago(minutes=10))

    work()
    assert work().valued == 0

    score = Score.objects.get()
    assert (score.name, score.turn_id, score.conversation_id) == ("session_quality", last.pk, conversation.pk)


def test_warming_up_lets_each_judge_without_a_model_speak_once(fake_llm):
    make_rule(judge="groundedness_offline")
    make_rule(judge="refusal_offline")
    make_rule(judge="toxicity_offline", is_active=False)
    make_rule()

    assert warm_up() == 2
    assert Score.objects.count() == len(fake_llm.requests) == 0


def test_what_verdicts_cost_is_kept_apart_from_the_answers(fake_llm):
    make_rule()
    turn = make_finished(cost_usd=Decimal("0.5"))
    ModelPrice.objects.create(
        model="fake/judge", input_usd_per_million=1, output_usd_per_million=2, valid_from=ago(days=1)
    )
    fake_llm.enqueue(GOOD)

    work()

    score = Score.objects.get()
    assert score.cost_usd == LLMCall.objects.get().cost_usd
    assert score.cost_usd > 0
    turn.refresh_from_db()
    assert turn.cost_usd == Decimal("0.5")


def test_an_unreadable_verdict_has_an_error_and_no_value(fake_llm):
    make_rule()
    make_finished()
    fake_llm.enqueue("I would rather not say.")

    counts = work()

    score = Score.objects.get()
    assert (score.value, counts.unscored) == (None, 1)
    assert "no label" in score.error


def test_a_failure_is_tried_again_later_three_times_at_most(fake_llm):
    make_rule()
    make_finished()
    waits = []
    for attempt in (1, 2, 3):
        fake_llm.enqueue(Reply(status=503))
        work()
        score = Score.objects.get()
        assert (score.value, score.attempts, score.calls) == (None, attempt, attempt)
        assert "model failed" in score.error
        waits.append((score.retry_at - timezone.now()) if score.retry_at else None)
        assert work().valued == 0  # not before its time
        Score.objects.exclude(retry_at=None).update(retry_at=ago(seconds=1))

    assert timedelta(seconds=25) < waits[0] <= timedelta(seconds=60) < waits[1] <= timedelta(seconds=240)
    assert waits[2] is None
    assert due() == []
    assert len(fake_llm.chat_requests) == 3


def test_a_second_try_that_succeeds_leaves_one_score(fake_llm):
    make_rule()
    make_finished()
    fake_llm.enqueue(Reply(status=429), GOOD)

    work()
    Score.objects.update(retry_at=ago(seconds=1))
    work()

    score = Score.objects.get()
    assert (score.value, score.error, score.attempts, score.calls, score.retry_at) == (1.0, "", 2, 2, None)


def test_a_refused_key_is_tried_again_for_it_may_be_mended(fake_llm):
    make_rule()
    make_finished()
    fake_llm.enqueue(Reply(status=401))

    work()

    assert Score.objects.get().retry_at is not None


def test_a_rule_whose_verdicts_all_fail_rests(fake_llm):
    make_rule()
    make_many(40)
    fake_llm.enqueue(*[Reply(status=500)] * 40)

    work(concurrency=2)

    assert len(fake_llm.chat_requests) < 15


def test_a_model_with_too_many_requests_gets_a_pause(fake_llm):
    make_rule()
    make_many(3)
    fake_llm.enqueue(Reply(status=429), GOOD, GOOD)
    begin = time.monotonic()

    work(concurrency=1)

    assert time.monotonic() - begin >= 2
    assert Score.objects.valued().count() == 2


@pytest.fixture
def own_judge(fake_llm, monkeypatch):
    """A judge of the tests' own, beside those that there are: it does what `speak` says."""

    class Own:
        name, version, family, needs_reference, settings, prompt = "own_offline", "1", "offline", False, {}, ""
        criterion, title = JUDGES["relevance"].criterion, "Own"

        async def judge(self, turn, tools, record):
            return self.speak()

    own = Own()
    monkeypatch.setitem(JUDGES, own.name, own)
    make_rule(judge=own.name)
    return own


def test_a_judge_that_breaks_is_a_failed_verdict(own_judge):
    def speak():
        raise RuntimeError("out of order")

    own_judge.speak = speak
    make_finished()

    work()

    score = Score.objects.get()
    assert score.value is None
    assert "RuntimeError" in score.error
    assert score.retry_at is not None


def test_what_the_database_cannot_store_is_an_error_and_takes_nothing_with_it(own_judge):
    verdicts = iter([Verdict("own_offline", 1.0, "RELEVANT", explanation=text) for text in ("zero \0 byte", "fine")])
    own_judge.speak = lambda: next(verdicts)
    make_many(2)

    work()
    assert work().valued == 0

    stored, failed = Score.objects.order_by("value")
    assert (stored.value, stored.explanation) == (1.0, "fine")
    assert "could not be stored" in failed.error
    assert failed.retry_at is None


def test_a_judge_that_cannot_work_here_rests_and_its_turns_stay_due(own_judge):
    def speak():
        raise ConfigurationError("The weights are missing.")

    own_judge.speak = speak
    make_finished()

    work()

    assert (Score.objects.count(), JudgeClaim.objects.count(), len(due())) == (0, 0, 1)


def test_a_turn_deleted_while_it_is_judged_leaves_the_call_alone(fake_llm):
    make_rule()
    turn = make_finished()
    fake_llm.enqueue(Reply(VERDICT, first_token_delay_seconds=0.5))

    def delete():
        assert fake_llm.wait_until(lambda: fake_llm.chat_requests)
        Turn.objects.filter(pk=turn.pk).delete()
        connection.close()

    thread = threading.Thread(target=delete)
    thread.start()
    counts = work()
    thread.join()

    assert (counts.lost, Score.objects.count()) == (1, 0)
    assert LLMCall.objects.get().turn is None


def test_caps_hold_with_many_at_once(fake_llm):
    make_rule(daily_cap_calls=7)
    make_many(30)
    fake_llm.enqueue(*[Reply(VERDICT, first_token_delay_seconds=0.05)] * 30)

    counts = work(concurrency=16)

    assert (counts.valued, counts.has_more, len(fake_llm.chat_requests)) == (7, False, 7)


def test_two_workers_pay_nothing_twice_and_hold_a_cap_together(fake_llm):
    make_rule(daily_cap_calls=25)
    make_rule(judge="groundedness_offline")
    make_many(40)
    fake_llm.enqueue(*[Reply(VERDICT, first_token_delay_seconds=0.02)] * 80)
    errors = []

    def run():
        try:
            work(concurrency=6)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(fake_llm.chat_requests) == 25
    by_name = [Score.objects.filter(name=name).count() for name in ("relevance", "groundedness")]
    assert by_name == [25, 40]


def test_a_turn_whose_process_died_three_times_is_given_up(fake_llm):
    make_rule()
    turn = make_finished()
    for _ in range(3):
        assert len(claim_due(due(), token=uuid.uuid4(), lease_seconds=-1)) == 1

    work()

    score = Score.objects.get()
    assert (score.turn_id, score.value, score.error, score.attempts) == (turn.pk, None, DIED, 3)
    assert fake_llm.chat_requests == []
    assert JudgeClaim.objects.count() == 0


def test_a_lease_is_renewed_while_a_slow_model_speaks(fake_llm):
    make_rule()
    make_finished()
    fake_llm.enqueue(Reply(VERDICT, first_token_delay_seconds=1.5), GOOD)
    thread = threading.Thread(target=lambda: (work(lease_seconds=0.6), connection.close()))
    thread.start()
    assert fake_llm.wait_until(lambda: fake_llm.chat_requests)
    time.sleep(1)

    work(lease_seconds=0.6)
    thread.join()

    assert (len(fake_llm.chat_requests), Score.objects.valued().count()) == (1, 1)


def test_a_failing_verdict_raises_its_flag(fake_llm):
    make_rule(origin="USER")
    make_finished()
    fake_llm.enqueue('{"reasoning": "No.", "label": "NON_RELEVANT"}')

    work()

    assert Flag.objects.filter(reason=Flag.Reason.NOT_RELEVANT).count() == 1


def test_time_that_is_over_leaves_the_rest_for_the_next(fake_llm):
    make_rule()
    make_many(3)

    counts = work(seconds=0)

    assert (counts.valued, counts.has_more) == (0, True)
