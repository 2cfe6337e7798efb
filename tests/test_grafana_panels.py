"""Each panel's SQL runs on known traffic, as the role that asks, and its links lead to what it shows."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from monitoring.reports import REPORTS
from tests.grafana_boards import BOARDS, EVERY_BOARD, links, panels, sql_panels
from tests.grafana_macros import expand, step_of
from tests.known_traffic import MODEL, make_known_traffic

SITE = "https://chat.example.com"


def run(sql: str, **variables: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Ask as Grafana's role does: the names of the columns, and the rows."""
    since, until = variables.pop("since"), variables.pop("until")
    values = {"origin": "USER", "collection": "", "config": "", "model": "", **variables}
    sent = expand(sql, since=since, until=until, step=step_of(since, until, 120), **values)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE reports_reader")
        cursor.execute(sent.replace("%", "%%"), [])
        rows = cursor.fetchall()
        columns = [column.name for column in cursor.description]
        cursor.execute("RESET ROLE")
    return columns, rows


@pytest.mark.django_db
@EVERY_BOARD
def test_each_panel_answers_for_known_traffic_for_filters_and_for_an_empty_range(board):
    traffic = make_known_traffic()
    known = {"since": traffic.since, "until": traffic.until}
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    filters = {"collection": str(traffic.collection.pk), "config": str(traffic.config.pk), "model": MODEL}

    for panel, sql in sql_panels(board):
        for chosen in ({}, filters):
            columns, rows = run(sql, **known, **chosen)
            assert rows, panel["title"]
            _check_shape(panel, columns, rows)
        columns, rows = run(sql, since=long_ago, until=long_ago + timedelta(days=90))
        _check_shape(panel, columns, rows)
        run(sql, **known, origin="API", model="nobody's")


def _check_shape(panel: dict[str, Any], columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """What Grafana needs to draw it, and that what the panel says of columns is of columns that are there."""
    if panel["type"] == "timeseries":
        assert columns[0] == "time"
        assert all(isinstance(row[0], datetime) for row in rows)
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    if panel["targets"][0]["format"] == "time_series":
        assert columns == ["time", "metric", "value"]
        assert len({row[:2] for row in rows}) == len(rows), panel["title"]
        assert all(isinstance(row[1], str) for row in rows)
        return
    for override in panel["fieldConfig"]["overrides"]:
        pattern, kind = override["matcher"]["options"], override["matcher"]["id"]
        if kind == "byName":
            assert pattern in columns, panel["title"]
        elif kind == "byRegexp" and not pattern.startswith("^n: "):
            assert any(re.fullmatch(pattern, column) for column in columns), f"{panel['title']}: {pattern}"


@pytest.mark.django_db
def test_variables_offer_what_was_asked():
    traffic = make_known_traffic()
    queries = {variable["name"]: variable["query"] for variable in BOARDS["quality"]["templating"]["list"]}

    found = {
        name: run(queries[name], since=traffic.since, until=traffic.until)[1]
        for name in ("collection", "config", "model")
    }

    assert found["collection"] == [("All", ""), ("Handbook", str(traffic.collection.pk))]
    assert found["config"] == [("All", ""), (f"default v1 ({traffic.config.pk})", str(traffic.config.pk))]
    assert found["model"] == [("All", ""), (MODEL, MODEL)]


@pytest.mark.django_db
def test_the_board_of_runs_offers_their_configs():
    started, config = (traffic := make_known_traffic()).run.created_at, traffic.run.config
    query = next(one["query"] for one in BOARDS["evaluation"]["templating"]["list"] if one["name"] == "config")

    offered = run(query, since=started, until=started + timedelta(hours=1))[1]
    before = run(query, since=started - timedelta(hours=1), until=started)[1]

    assert offered == [("All", ""), (f"{config.name} v{config.version} ({config.pk})", str(config.pk))]
    assert before == [("All", "")]


@pytest.mark.django_db
def test_negative_sessions_lead_to_their_conversation():
    traffic = make_known_traffic()
    sql = next(sql for panel, sql in sql_panels(BOARDS["feedback"]) if "went wrong" in panel["title"])

    columns, rows = run(sql, since=traffic.since, until=traffic.until)

    row = dict(zip(columns, rows[0], strict=True))
    assert len(rows) == 1
    assert row["conversation"] == str(traffic.turns[0].conversation_id)
    assert (row["thumbs down"], row["turns that judges fail"], row["failed turns"], row["n: turns"]) == (1, 2, 2, 12)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("board", "title", "count"),
    [
        ("quality", "Groundedness, mean (0 to 1)", 2),
        ("quality", "Refusals, share of answers", 2),
        ("feedback", "Thumbs up, share of votes", 3),
        ("feedback", "Thumbs down, votes", 1),
        ("feedback", "Rated answers, share of answers", 5),
        ("system", "How many questions fail? Share of the last hour's finished questions", 2),
    ],
)
def test_links_show_the_turns_behind_a_figure(board, title, count, client, staff):
    traffic = make_known_traffic()
    panel = next(panel for panel in panels(BOARDS[board]) if panel["title"] == title)
    ends = {"__from": traffic.since, "__to": traffic.until}
    values = {name: f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" for name, moment in ends.items()}
    values |= {"ragsite_url": "", "origin": "USER", "collection": "", "config": "", "model": ""}
    client.force_login(staff)

    url = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values[found[1]], links(panel)[0])
    page = client.get(url)

    assert page.status_code == 200
    assert len(page.context["cl"].result_list) == count


@pytest.fixture
def reader(db, settings):
    """The login, made by the command; roles belong to the server, so it is named after the test database."""
    name = f"grafana_{connection.settings_dict['NAME']}"
    settings.GRAFANA_DB_PASSWORD, settings.PUBLIC_URL = "reader-password-1", f"{SITE}/"
    call_command("reports_reader", "--password-from-env", "--login", name)
    return name


def test_reader_sees_the_reports_and_nothing_else(reader):
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(f'SET LOCAL SESSION AUTHORIZATION "{reader}"')
        cursor.execute("SELECT turns FROM reports.turns(%s, %s)", [now - timedelta(hours=1), now])
        assert cursor.fetchall() == [(0,)]
        cursor.execute("SELECT reports.site_url()")
        assert cursor.fetchone() == (SITE,)
        for refused in (
            "SELECT * FROM chat_turn",
            "SELECT * FROM auth_user",
            "SELECT * FROM reports.turn_hour",
            "DELETE FROM chat_feedback",
            "CREATE TABLE public.mine (id integer)",
            "SELECT reports.grant_reader()",
        ):
            cursor.execute("SAVEPOINT before")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.connection.execute(refused)
            cursor.execute("ROLLBACK TO SAVEPOINT before")


READABLE_SQL = """
SELECT relation.oid::regclass::text
  FROM pg_class AS relation
 WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND relation.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
   AND has_table_privilege(%(role)s, relation.oid, 'SELECT, INSERT, UPDATE, DELETE')
"""


CALLABLE_SQL = """
SELECT proname
  FROM pg_proc
 WHERE pronamespace = 'reports'::regnamespace
   AND has_function_privilege(%(role)s, oid, 'EXECUTE')
"""


def test_reader_has_no_right_that_is_not_listed_here(reader):
    with connection.cursor() as cursor:
        cursor.execute(READABLE_SQL, {"role": reader})
        readable = {row[0] for row in cursor.fetchall()}
        cursor.execute(CALLABLE_SQL, {"role": reader})
        callable_functions = {row[0] for row in cursor.fetchall()}

    assert readable == {
        "reports.call",
        "reports.collection",
        "reports.config",
        "reports.evaluation_run",
        "reports.experiment",
        "reports.experiment_look",
        "reports.exposure",
        "reports.feedback",
        "reports.judge_version",
        "reports.score",
        "reports.signal",
        "reports.turn",
        "reports.variant",
    }
    assert callable_functions == {*REPORTS, "site_url"}


def test_reader_may_be_made_again_with_another_password(reader, settings):
    settings.GRAFANA_DB_PASSWORD = "reader-password-2"

    call_command("reports_reader", "--password-from-env", "--login", reader)

    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcanlogin, rolsuper, rolconnlimit FROM pg_roles WHERE rolname = %s", [reader])
        assert cursor.fetchall() == [(True, False, 20)]
        cursor.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", [reader])
        assert "default_transaction_read_only=on" in cursor.fetchone()[0]
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [reader])
        assert cursor.fetchone()[0].startswith("SCRAM-SHA-256$")


@pytest.mark.django_db
def test_reader_needs_a_password_and_a_role_without_rights(settings):
    settings.GRAFANA_DB_PASSWORD = ""
    with pytest.raises(CommandError, match="GRAFANA_DB_PASSWORD is not set"):
        call_command("reports_reader", "--password-from-env")

    settings.GRAFANA_DB_PASSWORD = "reader-password-1"
    with pytest.raises(CommandError, match="has rights of its own"):
        call_command("reports_reader", "--password-from-env", "--login", connection.settings_dict["USER"])
