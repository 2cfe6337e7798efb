"""Reports by the API: which there are, what may be asked of them, JSON and CSV."""

import csv

import pytest

from monitoring.reports import REPORTS
from tests.api_clients import api_client
from tests.factories import make_collection, make_turn
from tests.known_traffic import make_known_traffic
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
REPORTS_URL = "/api/v1/reports/"


@pytest.fixture
def client():
    return api_client(make_member("reviewer"), ["read"])


def test_list_says_columns_units_and_intervals(client):
    listed = {one["name"]: one for one in client.get(REPORTS_URL).json()["results"]}

    assert set(listed) == set(REPORTS)
    columns = {column["name"]: column for column in listed["turns"]["columns"]}
    assert (columns["error_ratio"]["unit"], columns["error_ratio"]["n"]) == ("ratio", "turns")
    assert columns["error_ratio"]["interval"] == ["error_low", "error_high"]
    assert "measure" in listed["latency"]["extras"]


def test_report_is_one_query_besides_who_asks(client, django_assert_max_num_queries):
    traffic = make_known_traffic()
    query = {"since": traffic.since.isoformat(), "until": traffic.until.isoformat()}

    with django_assert_max_num_queries(7):
        body = client.get(f"{REPORTS_URL}turns/", query).json()

    assert body["rows"][0]["turns"] == 12
    assert len(client.get(f"{REPORTS_URL}turns/", {**query, "step": 3600}).json()["rows"]) > 1
    assert client.get(f"{REPORTS_URL}turns/", {**query, "origin": "API"}).json()["rows"][0]["turns"] == 0


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_reads_in_both_formats_and_every_grouping(client, name):
    for by in REPORTS[name].groupings:
        query = {"by": by} if by else {}
        assert client.get(f"{REPORTS_URL}{name}/", query).status_code == 200
    response = client.get(f"{REPORTS_URL}{name}/", headers={"Accept": "text/csv"})

    assert (response.status_code, response["Content-Type"]) == (200, "text/csv; charset=utf-8")


def test_latency_by_measure_has_all_measures_unless_one_is_named(client):
    turn = make_turn(total_seconds=2.0, first_token_seconds=0.5, search_seconds=0.25)

    def timed(**query) -> dict[str, int]:
        rows = client.get(f"{REPORTS_URL}latency/", {"origin": turn.origin, **query}).json()["rows"]
        return {row["key"]: row["n"] for row in rows}

    assert timed(by="measure") == {"total": 1, "first_token": 1, "search": 1}
    assert timed(by="measure", measure="search") == {"search": 1}
    assert timed() == {"": 1}


def test_csv_has_the_same_figures(client):
    traffic = make_known_traffic()
    query = {"since": traffic.since.isoformat(), "until": traffic.until.isoformat(), "by": "config"}

    rows = client.get(f"{REPORTS_URL}turns/", query).json()["rows"]
    table = list(csv.DictReader(client.get(f"{REPORTS_URL}turns/", {**query, "format": "csv"}).text.splitlines()))

    assert [(row["key"], int(row["turns"])) for row in table] == [(row["key"], row["turns"]) for row in rows]
    assert table[0]["at"].startswith("20")


@pytest.mark.parametrize(
    ("name", "query", "field", "told"),
    [
        ("turns", {"by": "moon"}, "by", "collection"),
        ("turns", {"measure": "total"}, "measure", "turns has no measure"),
        ("latency", {"measure": "moon"}, "measure", "moon"),
        ("turns", {"step": "5"}, "step", "60"),
        ("turns", {"step": "60", "since": "2020-01-01", "until": "2026-01-01"}, "step", "2,000"),
        ("turns", {"since": "yesterday"}, "since", ""),
        ("turns", {"since": "0001-01-01T00:00Z"}, "since", "1970"),
        ("turns", {"since": "2026-02-01", "until": "2026-01-01"}, "until", "after"),
        ("turns", {"zone": "Moon/Base"}, "zone", "Europe/Berlin"),
        ("turns", {"collection": "987654"}, "collection", "987654"),
        ("turns", {"config": "987654"}, "config", "987654"),
        ("turns", {"origin": "ALL"}, "origin", ""),
        ("storage", {"origin": "USER"}, "origin", "as things stand"),
        ("evaluation_scores", {"step": "60"}, "step", "since, until"),
        ("turns", {"format": "xml"}, "format", "xml"),
        ("turns", {"orign": "USER"}, "orign", "origin"),
    ],
)
def test_what_a_report_does_not_know_is_refused_with_what_it_knows(client, name, query, field, told):
    [error] = assert_problem(client.get(f"{REPORTS_URL}{name}/", query), 400, "invalid")["errors"]

    assert error["field"] == field
    assert told in error["detail"]


def test_problem_stays_a_problem_where_a_table_is_asked_for(client):
    assert_problem(client.get(f"{REPORTS_URL}turns/", {"by": "x"}, headers={"Accept": "text/csv"}), 400, "invalid")


def test_collection_zero_are_turns_that_searched_all(client):
    make_collection()

    assert client.get(f"{REPORTS_URL}turns/", {"collection": 0}).status_code == 200


def test_unknown_report_names_those_there_are(client):
    assert "latency" in assert_problem(client.get(f"{REPORTS_URL}moon/"), 404, "not_found")["detail"]


def test_reports_are_for_who_may_see_turns(alice):
    assert_problem(api_client().get(REPORTS_URL), 401, "not_authenticated")
    assert_problem(api_client(alice).get(f"{REPORTS_URL}turns/"), 403, "permission_missing")
    assert_problem(api_client(make_member("reviewer"), ["chat"]).get(REPORTS_URL), 403, "scope_missing")
