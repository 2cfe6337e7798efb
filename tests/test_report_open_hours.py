"""The hour that goes on is read from the rows and not noted; it is closed once, when nobody writes into it any more."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chat.models import Turn
from monitoring.reports import Filters, read, refresh
from monitoring.reports.upkeep import changed_hours
from tests.conftest import ROOT
from tests.factories import make_call, make_config, make_conversation, make_feedback, make_turn
from tests.review_rows import make_verdict

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
OPEN_HOURS = ROOT / "monitoring/migrations/sql/0029_open_hours/open_hours.sql"
LONG_AGO = datetime(2026, 3, 1, 5, tzinfo=UTC)


def copy_turn(at: datetime, count: int) -> None:
    """Put copies of the last turn into one moment, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE copies AS SELECT turn.* FROM generate_series(1, %s),"
            " (SELECT * FROM chat_turn ORDER BY position DESC LIMIT 1) AS turn",
            [count],
        )
        cursor.execute("CREATE TEMP SEQUENCE further START 1000")
        cursor.execute(
            "UPDATE copies SET id = nextval('chat_turn_id_seq'), created_at = %s,"
            "                  position = position + nextval('further')",
            [at],
        )
        cursor.execute("INSERT INTO chat_turn SELECT * FROM copies")
        cursor.execute("DROP TABLE copies")
        cursor.execute("DROP SEQUENCE further")


def one(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


def notes() -> int:
    return one("SELECT count(*) FROM reports.change")


def close_at(moment: datetime) -> int:
    """Refresh as if it were `moment`."""
    return one("SELECT reports.refresh(500, %s)", moment)


def rolled_up(table: str, column: str) -> int:
    return one(f"SELECT coalesce(sum({column}), 0)::int FROM reports.{table}_hour")


def test_what_happens_now_is_not_noted_and_counted_once_the_hour_is_over():
    refresh()
    before = notes()
    turn = make_turn(status="STREAMING")
    Turn.objects.filter(pk=turn.pk).update(status="DONE", total_seconds=2.0)
    make_call(turn=turn)
    make_feedback(turn=turn)
    make_verdict("SUPPORTED", turn=turn)
    end = turn.created_at.replace(minute=0, second=0, microsecond=0) + HOUR

    assert notes() == before
    assert [rolled_up(*what) for what in (("turn", "turns"), ("feedback", "up"))] == [0, 0]

    filters = Filters(end - HOUR, end + HOUR)
    by_rows = [read(name, filters) for name in ("turns", "latency", "calls", "feedback", "scores")]
    assert close_at(end) == 4
    assert [rolled_up(*what) for what in (("turn", "turns"), ("latency", "count"), ("feedback", "up"))] == [1, 1, 1]
    assert [rolled_up(*what) for what in (("score", "scores"), ("call", "calls"))] == [1, 1]
    assert [read(name, filters) for name in ("turns", "latency", "calls", "feedback", "scores")] == by_rows
    assert close_at(end) == 0


def test_a_day_that_is_not_over_is_not_taken_for_whole():
    turn = make_turn()
    day = turn.created_at.replace(hour=0, minute=0, second=0, microsecond=0)
    until_tomorrow = Filters(day - timedelta(days=1), day + timedelta(days=2))
    close_at(turn.created_at + HOUR)

    copy_turn(turn.created_at + HOUR, 1)

    assert rolled_up("turn", "turns") == 1
    assert read("turns", until_tomorrow)[0]["turns"] == 2


def test_many_rows_of_one_old_hour_leave_one_note_and_another_after_it_was_taken():
    make_turn()
    refresh()
    before = notes()

    for times in (1, 2):
        copy_turn(LONG_AGO, 5)
        assert notes() == before + 1
        refresh()
        assert rolled_up("turn", "turns") == 5 * times


def test_rows_of_old_hours_in_no_order_leave_a_note_for_each_hour():
    make_turn()
    refresh()
    before = notes()

    for number in (3, 1, 2, 1, 3, 2):
        copy_turn(LONG_AGO + number * HOUR, 2)

    assert notes() == before + 3


def test_what_a_clock_that_was_ahead_closed_is_open_again():
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reports.closed SET until = until + interval '5 hours'")
    turn = make_turn()
    now = Filters(turn.created_at - HOUR, turn.created_at + HOUR)

    assert read("turns", now)[0]["turns"] == 0, "hours are read as if they were closed"
    refresh()
    assert read("turns", now)[0]["turns"] == 1
    close_at(turn.created_at + HOUR)
    assert rolled_up("turn", "turns") == 1


def test_an_old_hour_is_noted_anew_after_its_table_was_emptied():
    make_turn()
    copy_turn(LONG_AGO, 2)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept AS SELECT * FROM chat_turn WHERE created_at = %s LIMIT 1", [LONG_AGO])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE chat_turn CASCADE")
        cursor.execute("INSERT INTO chat_turn SELECT * FROM kept")
        cursor.execute("DROP TABLE kept")

    long_ago = Filters(LONG_AGO, LONG_AGO + HOUR)
    assert read("turns", long_ago)[0]["turns"] == 1
    refresh()
    assert read("turns", long_ago)[0]["turns"] == 1


def test_migration_may_be_applied_again():
    make_turn()
    until = one("SELECT until FROM reports.closed")

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(OPEN_HOURS.read_text())

    assert one("SELECT until FROM reports.closed") == until
    copy_turn(LONG_AGO, 1)
    refresh()
    assert rolled_up("turn", "turns") >= 1


@pytest.mark.django_db(transaction=True)
def test_an_hour_stays_open_while_somebody_still_writes_into_it():
    refresh()
    talk, config = make_conversation(), make_config()
    wrote, may_end = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                make_turn(conversation=talk, config=config)
                wrote.set()
                may_end.wait(30)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert wrote.wait(30)
    later = timezone.now() + 2 * HOUR
    try:
        assert one("SELECT reports.closable(%s) <= now()", later)
        close_at(later)
        assert one("SELECT until <= now() FROM reports.closed")
    finally:
        may_end.set()
        writer.join()

    assert one("SELECT reports.closable(%s) > now()", later)
    assert close_at(later) >= 4
    assert rolled_up("turn", "turns") == 1
    refresh()  # opens the hours again, which are not over
    assert one("SELECT until <= now() FROM reports.closed")


def test_an_hour_that_ended_waits_for_the_worker():
    refresh()
    assert changed_hours() == 0

    with connection.cursor() as cursor:
        cursor.execute("UPDATE reports.closed SET until = until - interval '2 hours'")

    assert changed_hours() == 8
    assert refresh() == 8
    assert changed_hours() == 0
