"""The same figure is the same through each door: the database's function, the reports in Python, the dashboard in the
admin, /metrics, the REST API, and Grafana's panels. What is expected was worked out by hand, from what
tests/known_traffic.py stores.
"""

import csv
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.urls import reverse

from monitoring.reports import Filters, read
from tests.api_clients import api_client
from tests.grafana_macros import expand
from tests.known_traffic import P95_SECONDS, KnownTraffic, make_known_traffic
from tests.scraped import Scrape

DASHBOARDS = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
Figures = dict[str, float]
# Quantiles come from histograms, with at most 5 % error.
P95 = pytest.approx(P95_SECONDS, rel=0.05)
EXPECTED = {
    "turns": 12,
    "finished": 11,
    "error_ratio": pytest.approx(2 / 11),
    "votes": 4,
    "up_ratio": 0.75,
    "cost_usd": pytest.approx(0.0108),
    "p95_seconds": P95,
    "scored": 5,
    "groundedness": pytest.approx(0.7),
    "failing_ratio": pytest.approx(0.4),
}


@pytest.fixture
def traffic(db) -> KnownTraffic:
    cache.clear()
    return make_known_traffic()


def test_function_of_the_database(traffic):
    def row(call: str) -> dict[str, Any]:
        return asked(f"SELECT * FROM reports.{call}", [traffic.since, traffic.until])

    turns, votes = row("turns(%s, %s)"), row("feedback(%s, %s)")
    score = row("scores(%s, %s, name => 'groundedness')")

    assert {
        "turns": turns["turns"],
        "finished": turns["turns"] - turns["unfinished"],
        "error_ratio": turns["error_ratio"],
        "votes": votes["up"] + votes["down"],
        "up_ratio": votes["up_ratio"],
        "cost_usd": float(row("calls(%s, %s)")["cost_usd"]),
        "p95_seconds": row("latency(%s, %s)")["p95_seconds"],
        "scored": score["scored"],
        "groundedness": score["mean"],
        "failing_ratio": score["failing_ratio"],
    } == EXPECTED


def test_reports_in_python(traffic):
    filters = Filters(since=traffic.since, until=traffic.until)
    [turns], [votes] = read("turns", filters), read("feedback", filters)
    [score] = read("scores", filters, name="groundedness")

    assert {
        "turns": turns["turns"],
        "finished": turns["turns"] - turns["unfinished"],
        "error_ratio": turns["error_ratio"],
        "votes": votes["up"] + votes["down"],
        "up_ratio": votes["up_ratio"],
        "cost_usd": float(read("calls", filters)[0]["cost_usd"]),
        "p95_seconds": read("latency", filters)[0]["p95_seconds"],
        "scored": score["scored"],
        "groundedness": score["mean"],
        "failing_ratio": score["failing_ratio"],
    } == EXPECTED


def test_rest(traffic, staff):
    client = api_client(staff)
    range_of = {"since": traffic.since.isoformat(), "until": traffic.until.isoformat()}

    def row(report: str, **query: str) -> dict[str, Any]:
        return client.get(f"/api/v1/reports/{report}/", {**range_of, **query}).json()["rows"][0]

    turns, votes, score = row("turns"), row("feedback"), row("scores", name="groundedness")

    assert {
        "turns": turns["turns"],
        "finished": turns["turns"] - turns["unfinished"],
        "error_ratio": turns["error_ratio"],
        "votes": votes["up"] + votes["down"],
        "up_ratio": votes["up_ratio"],
        "cost_usd": float(row("calls")["cost_usd"]),
        "p95_seconds": row("latency")["p95_seconds"],
        "scored": score["scored"],
        "groundedness": score["mean"],
        "failing_ratio": score["failing_ratio"],
    } == EXPECTED


def test_metrics(traffic, client):
    scrape = Scrape(client.get("/metrics").text)
    day = {"origin": "USER", "window": "24h"}
    grounded = {**day, "name": "groundedness"}
    outcomes = scrape.values("ragsite_turns_total", "outcome", origin="USER")
    dollars = scrape.values("ragsite_cost_usd_total", "certainty", origin="USER")

    assert {
        "turns": sum(outcomes.values()) + scrape.value("ragsite_turns_in_progress", state="streaming"),
        "finished": scrape.value("ragsite_error_ratio_n", **day),
        "error_ratio": scrape.value("ragsite_error_ratio", **day),
        "votes": scrape.value("ragsite_feedback_up_ratio_n", **day),
        "up_ratio": scrape.value("ragsite_feedback_up_ratio", **day),
        "cost_usd": sum(dollars.values()),
        "p95_seconds": scrape.value("ragsite_latency_seconds", stage="total", percentile="95", **day),
        "scored": scrape.value("ragsite_score_scored", **grounded),
        "groundedness": scrape.value("ragsite_score_mean", **grounded),
        "failing_ratio": scrape.value("ragsite_score_failing_ratio", **grounded),
    } == EXPECTED


def test_panels_of_grafana(traffic):
    failing = panel(traffic, "experiments", "How often does each config fail or refuse? Shares")
    votes = panel(traffic, "feedback", "Thumbs up, share of votes")
    judge = panel(traffic, "quality", "What does each judge say of the answers?")

    assert judge["criterion"] == "groundedness"
    assert {
        "turns": failing["n: turns"],
        "finished": failing["n: turns"] - 1,  # the panel says how many turns; one of them is not finished
        "error_ratio": failing["errors"],
        "votes": votes["n: votes"],
        "up_ratio": votes["thumbs up"],
        "cost_usd": float(panel(traffic, "cost", "Cost of all calls, USD")["cost"]),
        "p95_seconds": panel(traffic, "experiments", "How fast is each config? Seconds")["95 % within"],
        "scored": judge["n: scored"],
        "groundedness": panel(traffic, "quality", "Groundedness, mean (0 to 1)")["mean"],
        "failing_ratio": judge["failing"],
    } == EXPECTED


def test_dashboard_of_the_admin(traffic, client, staff):
    """Its figures are written for people, so each is right to the digits that it shows."""
    client.force_login(staff)
    page = client.get(reverse("dashboard:figures", args=["tiles"]), {"range": "24h"}).text
    scores = client.get(reverse("dashboard:csv", args=["scores"]), {"range": "24h"}).text
    shown = {**EXPECTED, "error_ratio": pytest.approx(0.182), "cost_usd": pytest.approx(0.011)}

    assert {
        "turns": tile(page, "turns"),
        "finished": note(page, "failed", r"n = (\d+) finished turns"),
        "error_ratio": tile(page, "failed") / 100,
        "votes": note(page, "thumbs", r"n = (\d+) votes"),
        "up_ratio": tile(page, "thumbs") / 100,
        "cost_usd": tile(page, "cost"),
        "p95_seconds": tile(page, "total"),
        "scored": note(page, "groundedness", r"n = (\d+) judged turns"),
        "groundedness": mean_of_steps(scores),
        "failing_ratio": tile(page, "groundedness") / 100,
    } == shown


def asked(sql: str, values: list[Any] | None = None) -> dict[str, Any]:
    """The first row, by column."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        columns = [column.name for column in cursor.description]
        return dict(zip(columns, cursor.fetchone(), strict=True))


def panel(traffic: KnownTraffic, board: str, title: str) -> dict[str, Any]:
    """What the panel of that title shows first."""
    panels = json.loads((DASHBOARDS / f"{board}.json").read_text())["panels"]
    sql = next(one["targets"][0]["rawSql"] for one in panels if one["title"] == title)
    variables = {"origin": "USER", "collection": "", "config": "", "model": ""}
    return asked(expand(sql, since=traffic.since, until=traffic.until, **variables))


def tile(page: str, key: str) -> float:
    """The large number of a tile, without its unit."""
    found = re.search(rf'id="tile-{key}".*?<strong>\$?([\d.,]+)', page, re.DOTALL)
    assert found, key
    return float(found[1].replace(",", ""))


def note(page: str, key: str, pattern: str) -> float:
    """A number in the small print of a tile."""
    text = re.search(rf'id="tile-{key}".*?</li>', page, re.DOTALL)
    found = text and re.search(pattern, unescape(text[0]))
    assert found, (key, pattern)
    return float(found[1])


def mean_of_steps(text: str) -> float:
    """The mean of groundedness over all steps of the chart's file, each weighted with its n."""
    rows = [row for row in csv.DictReader(text.splitlines()) if row["groundedness_n"]]
    weighed = [(float(row["groundedness_score"]), int(row["groundedness_n"])) for row in rows]
    return sum(mean * n for mean, n in weighed) / sum(n for _, n in weighed)
