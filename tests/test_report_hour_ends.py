"""While many write over the ends of hours, some of them in long transactions, and a worker closes hours, the roll-ups
say in every moment what the rows say. Hours are a second here, so that many end."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chat.models import Feedback, Turn
from monitoring.reports import refresh
from tests.factories import make_call, make_config, make_conversation, make_feedback, make_turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
SECONDS = 8
SHORT = (("'1 hour'", "'1 second'"), ("3600", "1"), ("'1 day'", "'5 seconds'"))
FIGURES = ("turns", "latency", "calls", "feedback")


@pytest.fixture
def hours_of_a_second() -> Iterator[None]:
    connection.close_pool()  # each of our threads keeps a connection; what those of earlier tests keep is none of ours
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'reports'::regnamespace AND prokind = 'f'"
        )
        originals = [definition for (definition,) in cursor.fetchall()]
        for definition in originals:
            for long, short in SHORT:
                definition = definition.replace(long, short)
            cursor.execute(definition)
        cursor.execute("UPDATE reports.closed SET until = date_trunc('second', clock_timestamp())")
        yield
        for definition in originals:
            cursor.execute(definition)
        cursor.execute("UPDATE reports.closed SET until = date_trunc('hour', clock_timestamp())")


class Work:
    """Things that threads do again and again, until the time is over and it was enough, or one of them fails."""

    def __init__(self, enough: Callable[[], bool]) -> None:
        self.ends_at, self.enough = time.monotonic() + SECONDS, enough
        self.failed: list[BaseException] = []

    def run(self, *tasks: Callable[[], None]) -> None:
        threads = [threading.Thread(target=self._again, args=(task,)) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _again(self, task: Callable[[], None]) -> None:
        try:
            while (time.monotonic() < self.ends_at or not self.enough()) and not self.failed:
                task()
        except BaseException as error:
            self.failed.append(error)
        finally:
            connection.close()


def said(source: str, since: Any) -> list[list[Any]]:
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.reports', %s, true)", [source])
        for name in FIGURES:
            cursor.execute(f"SELECT * FROM reports.{name}(%s, %s)", [since, since + timedelta(hours=1)])
            rows = cursor.fetchall()
            found.append([round(value, 6) if isinstance(value, float) else value for row in rows for value in row])
    return found


def test_rollups_equal_rows_while_hours_end(hours_of_a_second):
    draw, config, since, looks = random.Random(5), make_config(), timezone.now(), []

    def ask() -> None:
        with transaction.atomic():
            turn = make_turn(conversation=make_conversation(), config=config, status="STREAMING")
            time.sleep(draw.choice([0, 0, 0.4, 1.5]))
            make_call(turn=turn)
        with transaction.atomic():
            Turn.objects.filter(pk=turn.pk).update(status="DONE", total_seconds=1.0)
            time.sleep(draw.choice([0, 0, 0.7]))
            make_feedback(turn=turn)

    def change_late() -> None:
        time.sleep(0.1)
        turn = Turn.objects.filter(feedback__isnull=False).order_by("?").first()  # nothing more is to come
        if turn and draw.random() < 0.2:
            turn.delete()
        elif turn:
            Feedback.objects.filter(turn=turn).update(value=-1)

    def close() -> None:
        time.sleep(0.1)
        refresh()

    def look() -> None:
        time.sleep(0.2)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            by_rollups, by_rows = said("", since), said("raw", since)
            looks.append(by_rollups)
            assert by_rollups == by_rows

    Work(lambda: len(looks) > 3).run(ask, ask, ask, change_late, close, look)

    refresh()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(turns), count(DISTINCT hour) FROM reports.turn_hour")
        turns, hours = cursor.fetchone()
    assert hours > 3
    assert turns == Turn.objects.count()
