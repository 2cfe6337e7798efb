"""Alert rules: what fires and what is only chance, what is not known, and that all doors say the same thresholds."""

import calendar
import re
import shutil
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.cache import cache
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import Budget, BudgetMonth, Feedback, Heartbeat, Turn
from monitoring.alerts import RULES, Reading, evaluate
from monitoring.models import JudgeRule, JudgeVersion, Score
from monitoring.statistics.tails import surely_at_least
from tests.factories import make_collection, make_config, make_conversation
from tests.judged import make_finished, make_rule
from tests.quality_rows import make_version

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def world(db):
    """A function that makes turns, all of one config and conversation, in one statement."""
    JudgeRule.objects.all().delete()
    cache.clear()
    config, conversation, made = make_config(), make_conversation(), iter(range(1, 10_000))

    def ask(number: int, *, at: datetime | None = None, **values: Any) -> list[Turn]:
        turns = Turn.objects.bulk_create(
            Turn(
                **{
                    "conversation": conversation,
                    "config": config,
                    "position": next(made),
                    "question": "Why?",
                    "answer": "Because.",
                    "status": Turn.Status.DONE,
                    "search_mode": "hybrid",
                    "model": "house/large",
                    **values,
                }
            )
            for _ in range(number)
        )
        ids = [turn.pk for turn in turns]
        Turn.objects.filter(pk__in=ids).update(created_at=at or timezone.now() - timedelta(minutes=30))
        return turns

    return ask


def in_week() -> datetime:
    return timezone.now() - timedelta(days=3)


def vote(turns: list[Turn], *, up: int, down: int) -> None:
    values = [Feedback.Value.UP] * up + [Feedback.Value.DOWN] * down
    user = turns[0].conversation.user
    Feedback.objects.bulk_create(
        Feedback(turn=turn, user=user, value=value) for turn, value in zip(turns, values, strict=True)
    )


def judge(turns: list[Turn], version: JudgeVersion, **labels: int) -> None:
    """Store verdicts with these labels, so many of each."""
    worth = {"SUPPORTED": 1.0, "PARTLY_SUPPORTED": 0.5, "UNSUPPORTED": 0.0, "TOXIC": 0.0, "NOT_TOXIC": 1.0}
    given = [label for label, number in labels.items() for _ in range(number)]
    Score.objects.bulk_create(
        Score(turn=turn, name=version.criterion, source="JUDGE", judge_version=version, label=label, value=worth[label])
        for turn, label in zip(turns, given, strict=True)
    )


def reading(name: str, **where: Any) -> Reading:
    return next(one for one in evaluate(**where) if one.rule.name == name)


def test_site_without_traffic_raises_nothing(world):
    readings = evaluate()

    assert [one.rule.name for one in readings] == [rule.name for rule in RULES]
    assert not [one for one in readings if one.is_firing and one.rule.name != "disk_full"]
    assert all(one.value is None for one in readings if one.rule.window)


def test_many_errors_fire_and_a_few_do_not(world):
    world(12)
    world(7, status=Turn.Status.FAILED)
    few = reading("error_rate")
    world(1, status=Turn.Status.INTERRUPTED)

    many = reading("error_rate")

    assert not few.is_firing
    assert many.is_firing
    assert many.n == 20
    assert many.value == pytest.approx(0.0592, abs=0.0001)  # 8 or more of 20 then come once in 100,000
    assert many.detail == "8 of 20 questions of the last hour got no answer (40%)."


def test_all_of_nine_that_fail_are_too_few_to_say(world):
    world(9, status=Turn.Status.FAILED)

    found = reading("error_rate")

    assert (found.value, found.n, found.is_firing) == (None, 9, False)
    assert found.detail == "9 are too few to say; it takes 10."


def test_questions_that_wait_for_an_answer_are_no_errors(world):
    world(10)
    world(30, status=Turn.Status.STREAMING)

    assert reading("error_rate").n == 10


def test_late_first_words_fire_by_their_share(world, settings):
    settings.FIRST_TOKEN_SLOW_SECONDS = 5
    world(20, first_token_seconds=1.0)
    world(3, first_token_seconds=9.0)
    world(50, first_token_seconds=None)
    few = reading("slow_first_token")
    world(17, first_token_seconds=9.0)

    many = reading("slow_first_token")

    assert (few.n, few.is_firing) == (23, False)
    assert (many.n, many.is_firing) == (40, True)
    assert many.detail == "20 of 40 answers of the last hour began after more than 5 s (50%)."


def test_two_thumbs_down_of_three_are_no_wave(world):
    vote(world(100, at=in_week()), up=80, down=20)
    vote(world(3), up=1, down=2)

    assert not reading("thumbs_down_wave").is_firing


def test_wave_of_thumbs_down_is_held_against_the_week_before(world):
    vote(world(100, at=in_week()), up=80, down=20)
    vote(world(20), up=2, down=18)

    found = reading("thumbs_down_wave")

    assert found.is_firing
    assert found.detail == "18 of 20 votes on the last hour's answers are thumbs down (90%), 20% in the week before."


def test_site_where_thumbs_are_always_down_has_no_wave(world):
    vote(world(100, at=in_week()), up=15, down=85)
    vote(world(20), up=2, down=18)

    assert not reading("thumbs_down_wave").is_firing


def test_without_a_week_before_nothing_is_known(world):
    vote(world(20), up=2, down=18)

    found = reading("thumbs_down_wave")

    assert (found.value, found.n) == (None, 20)
    assert found.detail == "The week before has too little to compare with."


def test_fall_of_groundedness_fires_by_the_same_judge_only(world):
    version, other = make_version(), make_version()
    judge(world(60, at=in_week()), version, SUPPORTED=55, UNSUPPORTED=5)
    judge(world(60, at=in_week()), other, SUPPORTED=20, UNSUPPORTED=40)
    judge(world(40), other, SUPPORTED=14, UNSUPPORTED=26)
    same = reading("groundedness_drop")
    judge(world(40), version, SUPPORTED=15, PARTLY_SUPPORTED=5, UNSUPPORTED=20)

    fallen = reading("groundedness_drop")

    assert not same.is_firing
    assert fallen.is_firing
    assert fallen.n == 40
    assert "is 0.44, 0.92 in the week before" in fallen.detail
    assert "which is not proven against people" in fallen.detail


def test_few_verdicts_say_nothing_of_groundedness(world):
    version = make_version()
    judge(world(60, at=in_week()), version, SUPPORTED=60)
    judge(world(20), version, UNSUPPORTED=20)

    assert reading("groundedness_drop").value is None


def test_toxic_questions_fire_also_in_the_first_week(world):
    version = make_version(judge="question_toxicity_offline", criterion="question_toxicity")
    judge(world(20), version, NOT_TOXIC=13, TOXIC=7)

    found = reading("toxicity")

    assert found.is_firing
    assert found.detail.startswith("7 of 20 questions of the last hour are toxic (35%)")


def test_usual_share_of_toxic_questions_does_not_fire(world):
    version = make_version(judge="question_toxicity_offline", criterion="question_toxicity")
    judge(world(200, at=in_week()), version, NOT_TOXIC=140, TOXIC=60)
    judge(world(20), version, NOT_TOXIC=13, TOXIC=7)

    assert not reading("toxicity").is_firing


def test_few_verdicts_of_a_second_judge_do_not_hide_a_fall_of_groundedness(world):
    version, other = make_version(), make_version(judge="groundedness_llm")
    for usual in (version, other):
        judge(world(60, at=in_week()), usual, SUPPORTED=57, UNSUPPORTED=3)
    judge(world(60), version, SUPPORTED=24, UNSUPPORTED=36)
    judge(world(20), other, UNSUPPORTED=20)

    found = reading("groundedness_drop")

    assert (found.n, found.is_firing) == (60, True)
    assert "by the judge groundedness_offline" in found.detail


def test_few_verdicts_of_a_second_judge_do_not_hide_toxic_questions(world):
    version = make_version(judge="question_toxicity_offline", criterion="question_toxicity")
    other = make_version(judge="toxicity_llm", criterion="toxicity")
    judge(world(20), version, NOT_TOXIC=13, TOXIC=7)
    judge(world(9), other, TOXIC=9)

    found = reading("toxicity")

    assert (found.n, found.is_firing) == (20, True)
    assert found.detail.startswith("7 of 20 questions of the last hour are toxic (35%)")


def test_two_judges_with_few_verdicts_each_say_nothing(world):
    version = make_version(judge="question_toxicity_offline", criterion="question_toxicity")
    judge(world(8), version, NOT_TOXIC=8)
    judge(world(5), make_version(judge="toxicity_llm", criterion="toxicity"), TOXIC=5)

    found = reading("toxicity")

    assert (found.value, found.n, found.is_firing) == (None, 8, False)


def test_judge_that_is_new_does_not_hide_a_fall_by_another(world):
    version, new = make_version(), make_version()
    judge(world(60, at=in_week()), version, SUPPORTED=57, UNSUPPORTED=3)
    judge(world(40), version, SUPPORTED=16, UNSUPPORTED=24)
    judge(world(200), new, SUPPORTED=200)

    assert reading("groundedness_drop").is_firing


def test_dear_answers_fire_and_many_cheap_ones_do_not(world):
    for number in range(40):
        world(1, at=in_week(), cost_usd=Decimal("0.001") * (number % 4 + 1))
    world(300, cost_usd=Decimal("0.0025"))
    many = reading("cost_spike")
    Turn.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1)).update(cost_usd=Decimal("0.02"))

    dear = reading("cost_spike")

    assert not many.is_firing
    assert many.value == pytest.approx(1.0)
    assert dear.is_firing
    assert dear.value == pytest.approx(8.0)


def test_free_answers_have_no_cost_to_compare(world):
    world(40, at=in_week(), cost_usd=Decimal(0))
    world(40, cost_usd=Decimal(0))

    assert reading("cost_spike").value is None


def test_past_moment_reads_what_rests_on_reports_only(world):
    then = timezone.now() - timedelta(days=2)
    world(20, at=then - timedelta(minutes=30), status=Turn.Status.FAILED)
    Heartbeat.objects.create(name="worker", beat_at=then)

    assert reading("error_rate", at=then).is_firing
    assert not reading("error_rate", at=then - timedelta(hours=1)).is_firing
    assert not reading("error_rate").is_firing
    gone = reading("worker_gone", at=then)
    assert (gone.value, gone.detail) == (None, "It can be read at present only.")


def test_origins_and_collections_do_not_mix(world):
    collection = make_collection()
    world(20, status=Turn.Status.FAILED, origin="SYNTHETIC")
    world(20, status=Turn.Status.FAILED, origin="API", collection=collection)

    assert reading("error_rate").n == 0
    assert reading("error_rate", origin="SYNTHETIC").is_firing
    assert reading("error_rate", origin="API", collection_id=collection.pk).is_firing
    assert reading("error_rate", origin="API", collection_id=collection.pk + 1).n == 0


def test_budgets_for_more_than_one_fire_by_what_is_spent_and_by_the_pace(world, alice):
    now = timezone.now()
    pace = now.day - 1 + (now.hour + now.minute / 60) / 24
    whole = calendar.monthrange(now.year, now.month)[1]
    assert reading("budget_used").value is None
    Budget.objects.create(scope="USER", user=alice, monthly_usd=1)
    assert reading("budget_used").value is None
    budget = Budget.objects.create(scope="EVERYTHING", monthly_usd=100)
    BudgetMonth.objects.create(budget=budget, month=now.date().replace(day=1), spent_usd=Decimal("85"))

    used, burn = reading("budget_used"), reading("budget_burn")

    assert used.is_firing
    assert used.detail == "Everything: $85.00 of $100.00 are spent this month (85%)."
    if pace >= 1:
        assert burn.value == pytest.approx(0.85 * whole / pace, rel=0.01)
        assert burn.is_firing == (0.85 * whole / pace > 1)


def test_worker_that_is_silent_is_gone(world):
    Heartbeat.objects.create(name="worker", beat_at=timezone.now() - timedelta(minutes=10))
    gone = reading("worker_gone")
    Heartbeat.objects.update(beat_at=timezone.now())

    assert gone.is_firing
    assert gone.value == pytest.approx(600, abs=30)
    assert not reading("worker_gone").is_firing


@pytest.fixture
def installed():
    """A function that says when the newest migration was applied."""

    def at(moment: datetime) -> None:
        MigrationRecorder.Migration.objects.update(applied=moment - timedelta(days=100))
        newest = MigrationRecorder.Migration.objects.order_by("-id").first()
        MigrationRecorder.Migration.objects.filter(pk=newest.pk).update(applied=moment)

    return at


def test_worker_that_never_was_is_missed_once_the_site_is_there_for_a_while(world, installed):
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float")
        [running] = cursor.fetchone()
    installed(timezone.now() - timedelta(minutes=4))
    young = reading("worker_gone")
    installed(timezone.now() - timedelta(days=9))

    old = reading("worker_gone")

    assert not young.is_firing
    assert young.value == pytest.approx(min(240, running), abs=30)
    assert old.value == pytest.approx(running, abs=30)  # a database that was just started is a site that was
    assert old.is_firing == (running > 300)
    assert old.detail == "The worker was never seen; start it: manage.py qcluster"


def test_site_that_is_upgraded_without_a_worker_counts_anew_but_a_worker_that_was_seen_does_not(world, installed):
    installed(timezone.now())
    never = reading("worker_gone")
    Heartbeat.objects.create(name="worker", beat_at=timezone.now() - timedelta(minutes=10))

    assert not never.is_firing
    assert reading("worker_gone").is_firing


def test_task_that_waits_fires_and_one_at_work_does_not(world):
    OrmQ.objects.create(key="ragsite", payload="", lock=timezone.now() + timedelta(minutes=10))
    at_work = reading("task_queue")
    OrmQ.objects.create(key="ragsite", payload="", lock=timezone.now() - timedelta(minutes=20))

    waiting = reading("task_queue")

    assert (at_work.value, at_work.is_firing) == (0.0, False)
    assert waiting.is_firing
    assert waiting.detail == "1 tasks wait for the worker, the oldest for 20 minutes."


def test_verdict_that_is_due_for_long_fires(world):
    make_rule(judge="groundedness_offline", since=timezone.now() - timedelta(days=1))
    assert not reading("judge_backlog").is_firing
    cache.clear()
    turn = make_finished(finished_at=timezone.now() - timedelta(minutes=40))

    late = reading("judge_backlog")
    cache.clear()
    Score.objects.create(
        turn=turn,
        name="groundedness",
        source="JUDGE",
        judge_version=JudgeVersion.objects.get(judge="groundedness_offline"),
        value=1.0,
    )

    assert late.is_firing
    assert late.detail == "1 verdicts are due, the oldest for 40 minutes."
    assert reading("judge_backlog").value == 0.0


def test_disk_is_that_of_the_data_folder(world, settings):
    usage = shutil.disk_usage(settings.DATA_DIR)

    assert reading("disk_full").value == pytest.approx(1 - usage.free / usage.total, abs=0.01)


def test_bound_is_exact():
    assert surely_at_least(0, 10) == 0.0
    assert surely_at_least(10, 10, chance=0.01) == pytest.approx(0.01**0.1)
    assert surely_at_least(1, 1, chance=0.05) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="There cannot be 4 of 3"):
        surely_at_least(4, 3)


def test_prometheus_has_the_same_thresholds_and_severities():
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    own = {
        match[1]: (float(match[2]), rule["labels"]["severity"])
        for group in groups
        for rule in group["rules"]
        if (match := re.search(r'ragsite_alert_value\{alert="(\w+)"\}\) > ([\d.]+)$', rule["expr"]))
    }

    assert own == {rule.name: (rule.threshold, str(rule.severity)) for rule in RULES}


def test_each_alert_has_its_runbook_and_each_runbook_its_alert():
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    named = {rule["annotations"]["runbook"] for group in groups for rule in group["rules"]}
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "docs/runbooks").glob("*.md")}

    assert named == there
    assert {f"docs/runbooks/{rule.runbook}.md" for rule in RULES} <= there
    pages = {rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}
    assert pages == {f"{{{{ $externalLabels.ragsite_url }}}}/admin/runbooks/{Path(path).stem}/" for path in there}


def test_page_of_docs_lists_every_rule():
    page = (ROOT / "docs/alerts.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| .* \| \[.*\]\(runbooks/([\w-]+)\.md\) \|$", page, re.MULTILINE)

    assert rows == [(rule.name, str(rule.severity), rule.runbook) for rule in RULES]
