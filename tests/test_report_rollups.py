"""Roll-ups say what the rows say: on any range, with any step and filter, before and after the worker has been there,
and whatever happens late."""

import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chat.models import Collection, Conversation, Feedback, ImplicitSignal, LLMCall, Turn
from monitoring.dashboard.period import step_of
from monitoring.models import JudgeVersion, Score
from monitoring.reports import Filters, read, refresh
from monitoring.reports.upkeep import changed_hours
from monitoring.tasks import refresh_reports
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_feedback,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db

TRUE_STEPS = settings.BASE_DIR / "monitoring/migrations/sql/0030_true_steps"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 3
REPORTS_OF_TURNS = ("turns", "latency", "calls", "answer_cost", "feedback", "retrieval", "scores")
STEPS = (
    None,
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(minutes=90),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(seconds=100_000),
)
# On the full hour, off it by a half and by a quarter, and with two midnights on a day.
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "America/Havana", "Atlantic/Azores")
ON_THE_HOUR = set(ZONES) - {"Asia/Kolkata", "Asia/Kathmandu"}


def world(seed: int, begin: datetime = BEGIN) -> random.Random:
    """Put 150 turns into three days, with votes, signals, scores and calls on most of them."""
    draw = random.Random(seed)
    configs = [make_config(), make_config()]
    collections = [make_collection(), None]
    version = JudgeVersion.objects.create(
        judge="groundedness_offline", criterion="groundedness", version="1", family="offline", fingerprint=str(seed)
    )
    conversation, user = make_conversation(), make_user()
    turns = Turn.objects.bulk_create(
        Turn(
            conversation=conversation,
            position=number + 1,
            question="?",
            status=draw.choice(["DONE", "DONE", "DONE", "STOPPED", "FAILED", "STREAMING"]),
            origin=draw.choice(["USER", "USER", "USER", "API"]),
            config=draw.choice(configs),
            collection=draw.choice(collections),
            search_mode="hybrid",
            model=draw.choice(["openai/a", "openai/b"]),
            nothing_found=draw.choice([True, False, None]),
            hit_count=draw.choice([0, 5, None]),
            cited_count=draw.choice([0, 2]),
            top_similarity=draw.choice([0.25, 0.5, None]),
            removed_citations=draw.choice([0, 1]),
            total_seconds=draw.choice([None, 0.5, 2.0, 30.0]),
            first_token_seconds=draw.choice([None, 0.25]),
            cost_usd=draw.choice([None, Decimal("0.25"), Decimal("0.5")]),
        )
        for number in range(150)
    )
    for turn in turns:
        turn.created_at = begin + timedelta(seconds=draw.randrange(DAYS * 86400))
    Turn.objects.bulk_update(turns, ["created_at"])
    rated = draw.sample(turns, 60)
    Feedback.objects.bulk_create(
        Feedback(turn=turn, user=user, value=draw.choice([1, -1]), comment=draw.choice(["", "Hm."])) for turn in rated
    )
    ImplicitSignal.objects.bulk_create(
        ImplicitSignal(turn=turn, kind=draw.choice(["COPY", "REGENERATE"])) for turn in draw.sample(turns, 30)
    )
    values = [(1.0, "SUPPORTED", ""), (0.5, "PARTLY_SUPPORTED", ""), (0.0, "UNSUPPORTED", ""), (None, "", "no verdict")]
    Score.objects.bulk_create(
        Score(
            turn=turn, name="groundedness", source="JUDGE", judge_version=version, value=value, label=label, error=error
        )
        for turn in draw.sample(turns, 100)
        for value, label, error in [draw.choice(values)]
    )
    calls = LLMCall.objects.bulk_create(
        LLMCall(
            turn=turn,
            purpose=draw.choice(["answer", "judge"]),
            model=turn.model,
            input_tokens=draw.choice([None, 100]),
            output_tokens=10,
            cost_usd=draw.choice([None, Decimal("0.125")]),
            tokens_estimated=draw.choice([True, False]),
            duration_seconds=0.5,
        )
        for turn in turns
    )
    for call in calls:
        call.created_at = call.turn.created_at
    LLMCall.objects.bulk_update(calls, ["created_at"])
    return draw


def figures(filters: Filters, step: timedelta | None, by: str, source: str) -> dict[str, list]:
    """Return all figures of a range; floats rounded, as sums of parts differ in their last digits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.reports', %s, true)", [source])
    found = {name: read(name, filters, step=step, by=by) for name in REPORTS_OF_TURNS}
    return {name: sorted(map(_rounded, rows), key=str) for name, rows in found.items()}


def _rounded(row: dict) -> list:
    return [round(value, 9) if isinstance(value, float) else value for value in row.values()]


def check(draw: random.Random, times: int, begin: datetime) -> None:
    for _ in range(times):
        since, until = sorted(begin + timedelta(seconds=draw.randrange(DAYS * 86400)) for _ in range(2))
        if draw.random() < 0.3:
            since = since.replace(minute=0, second=0)
        if draw.random() < 0.3:
            until = until.replace(minute=0, second=0)
        filters = Filters(
            since,
            max(until, since),
            origin=draw.choice(["USER", "API"]),
            model=draw.choice([None, "openai/a"]),
            zone=draw.choice(ZONES),
        )
        step, by = draw.choice(STEPS), draw.choice(["", "config", "collection", "model"])
        assert figures(filters, step, by, "") == figures(filters, step, by, "raw"), (filters, step, by)
        if step and step <= timedelta(days=1) and not by and filters.zone in ON_THE_HOUR:
            assert turns_by_step(filters, step) == asked_by_step(filters, step), (filters, step)


def turns_by_step(filters: Filters, step: timedelta) -> Counter[datetime]:
    return Counter({row["at"]: row["turns"] for row in read("turns", filters, step=step)})


def asked_by_step(filters: Filters, step: timedelta) -> Counter[datetime]:
    """The same, counted here."""
    turns = Turn.objects.filter(created_at__gte=filters.since, created_at__lt=filters.until, origin=filters.origin)
    turns = turns.filter(model=filters.model) if filters.model else turns
    zone = ZoneInfo(filters.zone)
    return Counter(step_of(moment, step, zone) for moment in turns.values_list("created_at", flat=True))


@pytest.mark.parametrize(
    ("seed", "begin"),
    [
        (1, BEGIN),
        (2, datetime(2025, 10, 25, tzinfo=UTC)),  # the Azores put their clocks back from 01:00 to 00:00 on the 26th
        (3, datetime(2025, 11, 1, tzinfo=UTC)),  # Havana on the 2nd
    ],
)
def test_rollups_equal_rows_on_any_range_whatever_happens(seed, begin):
    draw = world(seed, begin)
    check(draw, 4, begin)

    assert refresh() > 0
    assert changed_hours() == 0
    check(draw, 8, begin)

    # late votes, changed votes, late and changed scores, an end that comes late, other dimensions, rows that go
    turns = list(Turn.objects.order_by("?")[:40])
    for turn in turns[:5]:
        Feedback.objects.update_or_create(turn=turn, user=None, defaults={"value": -1})
    Feedback.objects.filter(turn__in=turns[5:10]).update(value=1)
    Score.objects.filter(turn__in=turns[10:20]).update(value=0.0, label="UNSUPPORTED", error="")
    Turn.objects.filter(status="STREAMING").update(status="INTERRUPTED", total_seconds=9.0)
    Collection.objects.all().delete()
    LLMCall.objects.filter(turn__in=turns[20:30]).update(cost_usd=Decimal("1"))
    Turn.objects.filter(pk__in=[turn.pk for turn in turns[30:35]]).delete()
    Turn.objects.filter(pk__in=[turn.pk for turn in turns[35:]]).update(origin="API")
    assert changed_hours() > 0
    check(draw, 4, begin)

    refresh_reports()
    assert changed_hours() == 0
    check(draw, 8, begin)


def test_rollups_hold_what_there_is_and_no_more():
    world(3)
    refresh()

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(turns) FROM reports.turn_hour")
        assert cursor.fetchone() == (150,)
        cursor.execute("SELECT sum(calls) FROM reports.call_hour")
        assert cursor.fetchone() == (150,)

    LLMCall.objects.all().delete()
    Score.objects.all().delete()
    Conversation.objects.all().delete()
    refresh()

    with connection.cursor() as cursor:
        for table in ("turn", "latency", "feedback", "score", "call"):
            cursor.execute(f"SELECT count(*) FROM reports.{table}_hour")  # a constant of this test
            assert cursor.fetchone() == (0,)


def test_text_that_grows_while_an_answer_is_written_changes_no_figure():
    turn = make_turn(status="STREAMING")
    Turn.objects.filter(pk=turn.pk).update(created_at=BEGIN)
    refresh()

    Turn.objects.filter(pk=turn.pk).update(answer="So far", heartbeat_at=timezone.now())
    assert changed_hours() == 0

    Turn.objects.filter(pk=turn.pk).update(status="DONE", answer="So far, so good.")
    assert changed_hours() == 2  # of turns, and of votes, which may be on an answer from then on


def test_a_vote_counts_for_coverage_once_its_turn_is_an_answer():
    turn = make_turn(status="STREAMING")
    Turn.objects.filter(pk=turn.pk).update(created_at=BEGIN)
    make_feedback(turn=turn)
    refresh()
    hour = Filters(BEGIN, BEGIN + timedelta(hours=1))
    assert read("feedback", hour)[0]["coverage_ratio"] is None

    Turn.objects.filter(pk=turn.pk).update(status="DONE")
    assert read("feedback", hour)[0]["coverage_ratio"] == 1
    refresh()
    assert read("feedback", hour)[0]["coverage_ratio"] == 1


def test_migration_brings_coverage_of_earlier_hours_in_order():
    for number, status in enumerate(["DONE", "DONE", "INTERRUPTED"]):
        turn = make_turn(status=status)
        Turn.objects.filter(pk=turn.pk).update(created_at=BEGIN + timedelta(hours=number))
        make_feedback(turn=turn)
    refresh()

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("hour", "day"):
            cursor.execute(f"ALTER TABLE reports.feedback_{table} DROP COLUMN rated_answers")  # as before
        for path in sorted(TRUE_STEPS.glob("*.sql")):
            cursor.execute(path.read_text())
    waiting = changed_hours()

    filters = Filters(BEGIN, BEGIN + timedelta(days=1))
    assert waiting == 1  # the hour of half an answer
    assert read("feedback", filters)[0]["coverage_ratio"] == 1
    refresh()
    assert read("feedback", filters)[0]["coverage_ratio"] == 1


def test_hour_that_goes_on_is_left_to_the_rows():
    refresh()  # of the hours that ended since the database was made
    make_feedback(turn=make_turn())
    now = timezone.now()
    filters = Filters(now - timedelta(minutes=30), now + timedelta(minutes=1))

    assert refresh() == 0
    assert read("feedback", filters)[0]["up"] == 1


def test_emptied_tables_empty_the_rollups():
    make_call()
    Turn.objects.update(created_at=BEGIN)
    refresh()

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE chat_turn CASCADE")

    filters = Filters(BEGIN, BEGIN + timedelta(hours=1))
    assert read("turns", filters)[0]["turns"] == 0


@pytest.mark.django_db(transaction=True)
def test_one_process_refreshes_at_a_time():
    turn = make_turn()
    Turn.objects.filter(pk=turn.pk).update(created_at=BEGIN)
    counts = []

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(7412014)")
        other = threading.Thread(target=_refresh_and_close, args=(counts,))
        other.start()
        other.join()

    assert counts == [0]
    assert refresh() > 0


def _refresh_and_close(counts: list[int]) -> None:
    try:
        counts.append(refresh())
    finally:
        connection.close()


def test_each_hour_is_in_one_range():
    hours = [BEGIN + timedelta(hours=number) for number in (0, 1, 2, 5, 7, 8)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM reports.ranges(%s)", [hours])
        found = cursor.fetchall()

    assert [((low - BEGIN).seconds // 3600, (high - BEGIN).seconds // 3600) for low, high in found] == [
        (0, 3),
        (5, 6),
        (7, 9),
    ]
