"""How reports are asked: filters, groups, steps, and who may read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import DataError, ProgrammingError, connection, transaction

from chat.models import Conversation
from monitoring.judges.criteria import CRITERIA
from monitoring.reports import REPORTS, Filters, read, refresh
from tests.factories import make_collection, make_config, make_feedback
from tests.reported import DAY, NOON, ask, judge, only, score

pytestmark = pytest.mark.django_db


def test_filters_leave_out_what_does_not_match():
    collection, config = make_collection(), make_config()
    ask(NOON, collection=collection, config=config, model="openai/a")
    ask(NOON, model="openai/b")
    ask(NOON, origin="SYNTHETIC")

    def turns(**filters):
        return only(read("turns", Filters(DAY.since, DAY.until, **filters)))["turns"]

    assert turns() == 2
    assert turns(origin="SYNTHETIC") == 1
    assert turns(collection_id=collection.pk) == 1
    assert turns(config_id=config.pk) == 1
    assert turns(model="openai/b") == 1
    assert turns(model="openai/b", config_id=config.pk) == 0


def test_groups_have_names_for_people():
    collection, config = make_collection(name="Handbook"), make_config(name="fast")
    for _ in range(2):
        ask(NOON, collection=collection, config=config, model="openai/a")
    ask(NOON, collection=None, config=config, model="openai/b")

    by_collection = read("turns", DAY, by="collection")
    by_config = read("turns", DAY, by="config")

    assert [(row["key"], row["label"], row["turns"]) for row in by_collection] == [
        (str(collection.pk), "Handbook", 2),
        ("0", "all collections", 1),
    ]
    assert [(row["label"], row["turns"]) for row in by_config] == [("fast v1", 3)]
    assert [(row["key"], row["turns"]) for row in read("turns", DAY, by="model")] == [("openai/a", 2), ("openai/b", 1)]


def test_each_step_is_there_also_the_empty_ones():
    ask(NOON + timedelta(minutes=59))
    ask(NOON + timedelta(hours=2))
    filters = Filters(NOON, NOON + timedelta(hours=3))

    rows = read("turns", filters, step=timedelta(hours=1))

    assert [(row["at"].hour, row["turns"], row["error_ratio"]) for row in rows] == [
        (12, 1, 0.0),
        (13, 0, None),
        (14, 1, 0.0),
    ]


def test_steps_shorter_than_an_hour():
    ask(NOON + timedelta(minutes=7))
    ask(NOON + timedelta(minutes=12))
    filters = Filters(NOON + timedelta(minutes=6), NOON + timedelta(minutes=15))

    rows = read("turns", filters, step=timedelta(minutes=5))

    assert [(row["at"].minute, row["turns"]) for row in rows] == [(5, 1), (10, 1)]


def test_days_begin_at_midnight_of_the_zone():
    berlin = ZoneInfo("Europe/Berlin")
    before, after = datetime(2026, 3, 29, 0, 30, tzinfo=berlin), datetime(2026, 3, 30, 0, 30, tzinfo=berlin)  # 23 hours
    ask(before)
    ask(after)
    filters = Filters(before - timedelta(hours=2), after + timedelta(hours=2), zone="Europe/Berlin")

    rows = read("turns", filters, step=timedelta(days=1))

    local = [(row["at"].astimezone(berlin).strftime("%d %H:%M"), row["turns"]) for row in rows]
    assert local == [("28 00:00", 0), ("29 00:00", 1), ("30 00:00", 1)]


@pytest.mark.parametrize(
    ("zone", "first", "second", "ends"),
    [
        ("Atlantic/Azores", (10, 25, 0), (10, 25, 1), (10, 26, 1)),
        ("America/Havana", (11, 1, 4), (11, 1, 5), (11, 2, 5)),
    ],
)
@pytest.mark.parametrize("source", ["", "raw"])
def test_a_day_with_two_midnights_begins_at_the_first(zone, first, second, ends, source):
    first, second, ends = (datetime(2026, *moment, tzinfo=UTC) for moment in (first, second, ends))
    turns = [ask(moment + timedelta(minutes=30)) for moment in (first, second)]
    for turn in turns:
        score(turn, judge(), "SUPPORTED", 1.0)
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.reports', %s, true)", [source])
    filters = Filters(first - timedelta(days=1), ends + timedelta(days=1), zone=zone)

    rows = read("turns", filters, step=timedelta(days=1))

    assert [(row["at"], row["turns"]) for row in rows] == [(first - timedelta(days=1), 0), (first, 2), (ends, 0)]
    for name in ("latency", "feedback", "answer_cost", "retrieval", "calls", "reviews"):
        rows = read(name, filters, step=timedelta(days=1))
        assert [row["at"] for row in rows] == [first - timedelta(days=1), first, ends]
    assert {row["at"] for row in read("scores", filters, step=timedelta(days=1))} == {first}
    assert [row["at"] for row in read("turns", filters, step=timedelta(days=1), by="model")] == [first]


@pytest.mark.parametrize("source", ["", "raw"])
def test_a_range_that_begins_at_half_past_has_its_first_half_hour_in_its_first_day(source):
    midnight = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Kolkata"))  # 18:30 UTC
    ask(midnight + timedelta(minutes=10))
    ask(midnight + timedelta(days=2) - timedelta(minutes=10))
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.reports', %s, true)", [source])
    filters = Filters(midnight, midnight + timedelta(days=2, minutes=20), zone="Asia/Kolkata")

    days = read("turns", filters, step=timedelta(days=1))
    by_model = read("turns", filters, step=timedelta(days=1), by="model")

    # the last half hour stands in the hour that began on the day before
    expected = [(midnight, 1), (midnight + timedelta(days=1), 1)]
    assert [(row["at"], row["turns"]) for row in days] == expected
    assert [(row["at"], row["turns"]) for row in by_model] == expected


@pytest.mark.parametrize("seconds", [420, 3660, 5400, 7200, 90_000, 100_000])
@pytest.mark.parametrize("source", ["", "raw"])
def test_steps_of_any_length_hold_what_happened_in_them(seconds, source):
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    asked = [begin + timedelta(minutes=minutes) for minutes in (55, 95, 130)]
    for moment in asked:
        ask(moment)
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.reports', %s, true)", [source])
    step = timedelta(seconds=seconds)

    rows = read("turns", Filters(begin, begin + timedelta(hours=6)), step=step)

    held = [sum(row["at"] <= moment < row["at"] + step for moment in asked) for row in rows]
    assert [row["turns"] for row in rows] == held


@pytest.mark.parametrize("name", REPORTS)
def test_registry_names_the_columns_of_each_report(name):
    report = REPORTS[name]
    shared = () if report.shape != "figures" else ("at", "key", "label")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proargnames FROM pg_proc WHERE proname = %s AND pronamespace = 'reports'::regnamespace", [name]
        )
        names = cursor.fetchone()[0]

    columns = [*shared, *(column.name for column in report.columns)]

    assert names[len(names) - len(columns) :] == columns
    assert len(set(columns)) == len(columns) or name == "scores"
    for column in report.columns:
        assert column.title and column.description
        assert not column.interval or set(column.interval) <= set(columns)
        assert not column.n or column.n in columns


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"name": "nothing"}, "There is no report 'nothing'"),
        ({"name": "turns", "by": "user"}, "turns is not grouped by 'user'"),
        ({"name": "turns", "step": timedelta(seconds=1)}, "no steps of 0:00:01"),
        ({"name": "storage", "step": timedelta(hours=1)}, "no steps"),
        ({"name": "turns", "measure": "total"}, "turns does not know measure"),
    ],
)
def test_wrong_questions_are_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        read(arguments.pop("name"), DAY, **arguments)


def test_wrong_groups_are_refused_in_sql_too():
    with pytest.raises(DataError, match='not "user"'), transaction.atomic(), connection.cursor() as cursor:
        ask(NOON)
        cursor.execute("SELECT * FROM reports.turns(%s, %s, by => 'user')", [DAY.since, DAY.until])


def test_failing_labels_are_those_of_the_criteria():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, label FROM reports.failing_label")
        stored = set(cursor.fetchall())

    assert stored == {(criterion.name, label) for criterion in CRITERIA.values() for label in criterion.failing}


def test_reader_sees_figures_and_no_table():
    ask(NOON)
    refresh()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE reports_reader")
        cursor.execute("SELECT turns FROM reports.turns(%s, %s)", [DAY.since, DAY.until])
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM reports.turn")
        assert cursor.fetchone() == (1,)
        for refused in ("chat_turn", "auth_user", "reports.turn_hour", "reports.change"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                cursor.execute(f"SELECT count(*) FROM {refused}")  # a constant of this test
        cursor.execute("RESET ROLE")


def test_functions_are_for_the_owner_and_figures_for_the_reader_alone():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, has_function_privilege('public', oid, 'EXECUTE'),"
            "       has_function_privilege('reports_reader', oid, 'EXECUTE')"
            "  FROM pg_proc WHERE pronamespace = 'reports'::regnamespace"
        )
        found = cursor.fetchall()

    assert [name for name, everybody, _ in found if everybody] == []
    assert {name for name, _, reader in found if reader} == set(REPORTS)


def test_facts_have_no_text_of_people():
    turn = ask(NOON, question="A secret question", answer="A secret answer")
    make_feedback(turn=turn, comment="A secret comment")
    Conversation.objects.update(title="A secret title")
    with connection.cursor() as cursor:
        for view in ("turn", "feedback", "signal", "score", "call"):
            cursor.execute(f"SELECT fact::text FROM reports.{view} AS fact")  # a constant of this test
            assert "secret" not in str(cursor.fetchall())


def test_handbook_names_each_report():
    handbook = (settings.BASE_DIR / "docs" / "figures.md").read_text()

    assert [name for name in REPORTS if f"`{name}`" not in handbook] == []
