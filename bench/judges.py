"""Judging live traffic: how many verdicts one worker gives, what kills cost, how soon a finished turn has its scores.

The database is one of its own, made and dropped here; the workers are processes of their own; the judge's model is the
scripted server of tests/fakes.py, which takes half a second for each verdict and runs in this process. Prints one JSON
object a line.

    python -m bench.judges [--turns 640] [--concurrency 32] [--kills 10] [--samples 30]
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"
ANSWER_SECONDS = 0.5
LEASE_SECONDS = 5.0  # short, so that a killed process is replaced soon
LONGEST_SECONDS = 600

from ragsite import embedded

embedded.provide()

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone

from chat.models import Heartbeat, LLMCall
from chat.models.conversation import Origin
from chat.services.answering import tools_of
from chat.services.configs import ensure_default_config
from chat.services.unattended import answer, record_turn, request_of
from monitoring.models import JudgeClaim, JudgeRule, Score
from ragsite.prepare import schedule
from tests.fakes import FakeLLM, Reply
from tests.judged import VERDICT, make_many, make_rule, question_of
from tests.judging_process import Workers
from tests.knowledge import make_knowledge

QUESTIONS = ["How is the pump started?", "How often is the filter cleaned?", "How is the valve opened?"]


def show(figure: str, value: float, unit: str, against: object, **more: object) -> None:
    print(
        json.dumps({"figure": figure, "value": round(value, 4), "unit": unit, "against": against, **more}), flush=True
    )


def environment(fake_llm: FakeLLM) -> dict[str, str]:
    """Return what names this database and this model to another process. Without a pool, as the cluster's worker is."""
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    return {
        "DATABASE_URL": head.rpartition("/")[0]
        + f"/{connection.settings_dict['NAME']}"
        + (f"?{query}" if query else ""),
        "LLM_PROVIDERS": f"fake={fake_llm.base_url}",
        "RAGSITE_LOG_LEVEL": "WARNING",
        "RAGSITE_DATABASE_POOL_SIZE": "0",
    }


def end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], object], seconds: float = LONGEST_SECONDS, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("it took too long")
        time.sleep(pause)


def measure_rate(fake_llm: FakeLLM, workers: Workers, turns: int, concurrency: int) -> None:
    """One worker, from its first request to the last score."""
    make_many(turns)
    fake_llm.enqueue(*[Reply(VERDICT, first_token_delay_seconds=ANSWER_SECONDS)] * turns)
    pid = workers.start()
    wait_for(lambda: fake_llm.chat_requests)
    worker = psutil.Process(pid)
    begin, used = time.monotonic(), sum(worker.cpu_times()[:2])
    wait_for(lambda: Score.objects.count() >= turns, pause=0.1)
    seconds, used = time.monotonic() - begin, sum(worker.cpu_times()[:2]) - used
    workers.kill(pid)
    assert Score.objects.valued().count() == turns == LLMCall.objects.count()
    more = {"concurrency": concurrency, "turns": turns, "answer_seconds": ANSWER_SECONDS}
    show("verdicts_per_second", turns / seconds, "1/s", 50, ideal=concurrency / ANSWER_SECONDS, **more)
    show("processor_seconds_a_verdict", used / turns, "s", None, of="the worker's process, without the database")


def measure_kills(fake_llm: FakeLLM, workers: Workers, turns: int, concurrency: int, kills: int) -> None:
    """Kill the worker at random moments while the model answers; then let one finish."""
    dice = random.Random(11)
    before, asked_before = Score.objects.count(), len(fake_llm.chat_requests)
    wanted = {turn.pk for turn in make_many(turns)}
    fake_llm.enqueue(*[Reply(VERDICT, first_token_delay_seconds=ANSWER_SECONDS)] * (turns + kills * concurrency))
    cut = Counter[str]()  # how often a turn was on its way when a process was killed
    for _ in range(kills):
        asked = len(fake_llm.chat_requests)
        pid = workers.start()
        wait_for(lambda asked=asked: len(fake_llm.chat_requests) > asked or Score.objects.count() == before + turns)
        time.sleep(dice.uniform(0, 2 * ANSWER_SECONDS))
        workers.kill(pid)
        asked_for = Counter(question_of(request) for request in fake_llm.chat_requests[asked_before:])
        claimed = set(JudgeClaim.objects.values_list("turn__question", flat=True))
        cut.update(question for question in claimed if asked_for[question] > cut[question])
    pid = workers.start()
    wait_for(lambda: Score.objects.count() >= before + turns, pause=0.1)
    workers.kill(pid)
    scored = list(Score.objects.filter(turn__in=wanted).values_list("turn", flat=True))
    paid = sum(request.finished for request in fake_llm.chat_requests[asked_before:])
    more = {"kills": kills, "due": turns, "paid": paid, "in_flight_at_kills": cut.total()}
    show("scores_lost_after_kills", len(wanted - set(scored)), "scores", 0, **more)
    show("scores_twice_after_kills", len(scored) - len(set(scored)), "scores", 0)
    show("calls_paid_beyond_in_flight", max(0, paid - turns - cut.total()), "calls", 0)


def measure_delay(fake_llm: FakeLLM, samples: int) -> None:
    """A cluster with nothing else to do: from a finished turn to its last score, by all judges without a model."""
    JudgeRule.objects.exclude(name__endswith="(users)").delete()
    JudgeRule.objects.update(since=timezone.now())
    judges = JudgeRule.objects.exclude(judge__startswith="session").count()
    make_knowledge()
    config = ensure_default_config()
    tools = tools_of(config)
    call_command("createcachetable", verbosity=0)
    schedule()
    command = [sys.executable, "manage.py", "qcluster", "--skip-checks"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment(fake_llm), start_new_session=True)
    delays = []
    try:
        wait_for(lambda: Heartbeat.objects.exists())
        for number in range(samples + 1):
            question = QUESTIONS[number % len(QUESTIONS)]
            answered = asyncio.run(answer(request_of(config, question=question, collection_id=None), tools))
            begin = time.monotonic()
            turn = record_turn(answered=answered, config=config, origin=Origin.USER)
            wait_for(lambda turn=turn: turn.scores.count() >= judges, 120)
            delays.append(time.monotonic() - begin)
            time.sleep(1)
    finally:
        end(process)
    first, *usual = delays
    usual.sort()
    more = {"samples": samples, "judges": judges, "first_after_start_seconds": round(first, 2)}
    show("finished_to_score_p50_seconds", median(usual), "s", 2, **more)
    show("finished_to_score_p95_seconds", usual[int(0.95 * (len(usual) - 1))], "s", 2, **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=640)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--samples", type=int, default=30)
    options = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = f"bench_judges_{os.getpid()}"
    databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        with FakeLLM() as fake_llm:
            defaults = list(JudgeRule.objects.filter(is_active=True).values_list("pk", flat=True))
            JudgeRule.objects.update(is_active=False)
            make_rule(name="bench")
            own = environment(fake_llm)
            with Workers(own, lease_seconds=LEASE_SECONDS, concurrency=options.concurrency) as workers:
                measure_rate(fake_llm, workers, options.turns, options.concurrency)
                measure_kills(fake_llm, workers, options.turns, options.concurrency, options.kills)
            JudgeRule.objects.filter(pk__in=defaults).update(is_active=True)
            measure_delay(fake_llm, options.samples)
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
