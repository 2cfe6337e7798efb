"""Nothing lost, nothing paid twice: a process that judges is killed at random moments while the model answers."""

import os
import random
import time
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from chat.models import LLMCall
from chat.rag.config import Provider
from monitoring.judging.claims import clear_claims
from monitoring.judging.scores import DIED
from monitoring.models import JudgeClaim, JudgeRule, Score
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.judged import VERDICT, due, make_many, make_rule, question_of
from tests.judging_process import Workers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# A lease that holds when the machine stands still for a moment.
KILLS, TURNS, CONCURRENCY, LEASE_SECONDS = 10, 160, 8, 5.0
ANSWER_SECONDS = 0.4


def test_a_process_killed_ten_times_loses_nothing_and_pays_for_what_was_on_its_way(settings):
    JudgeRule.objects.all().delete()
    with FakeLLM() as fake_llm:
        settings.PROVIDERS = {"fake": Provider("fake", fake_llm.base_url)}
        make_rule()
        turns = make_many(TURNS)
        fake_llm.enqueue(*[Reply(VERDICT, first_token_delay_seconds=ANSWER_SECONDS)] * 10 * TURNS)
        cut = Counter[str]()  # how often a turn was on its way when a process was killed

        with Workers(environment(fake_llm), lease_seconds=LEASE_SECONDS, concurrency=CONCURRENCY) as workers:
            for _ in range(KILLS):
                asked = len(fake_llm.chat_requests)
                worker = workers.start()
                assert fake_llm.wait_until(lambda asked=asked: len(fake_llm.chat_requests) > asked, 60)
                time.sleep(random.uniform(0, 3 * ANSWER_SECONDS))
                workers.kill(worker)
                asked_for = Counter(question_of(request) for request in fake_llm.chat_requests)
                claimed = set(JudgeClaim.objects.values_list("turn__question", flat=True))
                # What was taken and not asked for yet costs nothing; what was cut before counts once.
                cut.update(question for question in claimed if asked_for[question] > cut[question])
            assert due() or JudgeClaim.objects.exists(), "the last process had something left to do"
            worker = workers.start()
            assert fake_llm.wait_until(lambda: Score.objects.count() == TURNS, 120)
            workers.kill(worker)

        paid = [request for request in fake_llm.chat_requests if request.finished]

    assert sorted(Score.objects.values_list("turn", flat=True)) == sorted(turn.pk for turn in turns)
    assert set(Score.objects.filter(value=None).values_list("error", flat=True)) <= {DIED}
    clear_claims()
    assert JudgeClaim.objects.filter(leased_until__lt=timezone.now()).count() == 0
    assert TURNS - Score.objects.filter(error=DIED).count() <= len(paid) <= TURNS + cut.total()
    assert LLMCall.objects.count() == sum(Score.objects.values_list("calls", flat=True)) <= TURNS
    assert cut.total() <= KILLS * CONCURRENCY


def environment(fake_llm):
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    return {
        "DATABASE_URL": head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else ""),
        "LLM_PROVIDERS": f"fake={fake_llm.base_url}",
        "LLM_MAX_ATTEMPTS": "1",
        "RAGSITE_LOG_LEVEL": "WARNING",
    }
