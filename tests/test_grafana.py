"""Grafana's boards and alert rules: current, allowed by the schema, and asking for what there is."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from django.core.cache import cache
from django.urls import resolve

from deploy.grafana.build.files import outdated
from monitoring.alerts import RULES
from tests.grafana_boards import BOARDS, EVERY_BOARD, GRAFANA, links, panels, sql_panels
from tests.grafana_macros import expand, names, step_of
from tests.grafana_schema import problems
from tests.known_traffic import make_known_traffic

PROVISIONING = GRAFANA / "provisioning"

DATASOURCES = {
    source["uid"]: source
    for source in yaml.safe_load((PROVISIONING / "datasources/ragsite.yaml").read_text())["datasources"]
}

ALERTS = yaml.safe_load((PROVISIONING / "alerting/ragsite.yaml").read_text())["groups"]

# Grafana's own, as its documentation of variables and of data links lists them.
BUILT_IN = {"__from", "__to", "__timezone", "__value.time", "__interval_ms"}


def test_files_are_what_the_code_makes():
    assert outdated() == []


def test_boards_keep_their_addresses():
    assert {board["uid"] for board in BOARDS.values()} == {
        "ragsite-cost",
        "ragsite-evaluation",
        "ragsite-experiments",
        "ragsite-feedback",
        "ragsite-quality",
        "ragsite-system",
    }


@EVERY_BOARD
def test_board_is_allowed_by_the_schema(board):
    assert problems(board) == []


def test_schema_check_finds_mistakes():
    board = json.loads(json.dumps(BOARDS["quality"]))
    board["panels"][1]["titel"] = "x"
    board["panels"][2]["gridPos"]["w"] = "6"
    board["panels"][3]["options"]["graphMode"] = "nope"

    found = " ".join(problems(board))

    assert "titel" in found
    assert "panels[2].grid_pos.w: '6' is no int" in found
    assert "nope" in found


@EVERY_BOARD
def test_panels_have_a_number_a_title_and_a_description(board):
    numbers = [panel["id"] for panel in board["panels"]]
    titles = [panel["title"] for panel in panels(board)]

    assert len(set(numbers)) == len(numbers)
    assert len(set(titles)) == len(titles)
    assert all(len(panel["description"]) > 20 for panel in panels(board))


@EVERY_BOARD
def test_panels_fill_their_rows(board):
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@EVERY_BOARD
def test_panels_ask_provisioned_datasources(board):
    asked = {
        target["datasource"]["uid"]: target["datasource"]["type"] for p in panels(board) for target in p["targets"]
    }

    assert asked.items() <= {uid: source["type"] for uid, source in DATASOURCES.items()}.items()


@EVERY_BOARD
def test_each_panel_follows_the_time_range(board):
    for panel, sql in sql_panels(board):
        is_of_now = panel["title"].endswith(", now")
        assert ("$__timeFrom()" in sql and "$__timeTo()" in sql) != is_of_now, panel["title"]
    assert "timeFrom" not in json.dumps([{**panel, "targets": []} for panel in panels(board)])


@EVERY_BOARD
def test_panels_ask_reports_only(board):
    for _, sql in sql_panels(board):
        local = set(re.findall(r"(\w+) AS \(", sql))
        asked = set(re.findall(r"(?:FROM|JOIN)\s+([\w.]+)", sql))
        assert {name for name in asked - local if not name.startswith("reports.")} == set()


@EVERY_BOARD
def test_variables_that_are_used_exist(board):
    defined = {variable["name"] for variable in board["templating"]["list"]}
    used = {name for _, sql in sql_panels(board) for name in names(sql)}
    linked = {name for url in links(board) for name in re.findall(r"\$\{([\w.]+)", url)}

    assert used <= defined
    assert {name for name in linked if not name.startswith("__data.fields.")} <= defined | BUILT_IN


@EVERY_BOARD
def test_a_filter_above_a_board_changes_a_panel(board):
    targets = json.dumps([panel["targets"] for panel in panels(board)])
    links_of_all = json.dumps(links(board))

    for variable in board["templating"]["list"]:
        name = variable["name"]
        is_read = re.search(rf"\$\{{?{name}\b", targets) is not None
        assert is_read == ("hide" not in variable), name
        assert is_read or name == "ragsite_url" or f"${{{name}" not in links_of_all


@EVERY_BOARD
def test_fields_that_links_read_are_columns(board):
    for panel, sql in sql_panels(board):
        columns = set(re.findall(r'AS "([^"]+)"', sql))
        assert set(re.findall(r"\$\{__data\.fields\.(\w+)\}", json.dumps(panel))) <= columns


@EVERY_BOARD
def test_links_lead_to_pages_of_the_admin(board):
    for url in links(board):
        path, _, query = url.removeprefix("${ragsite_url}").partition("?")
        kind = "00000000-0000-0000-0000-000000000000" if "conversation" in path else "1"
        assert resolve(re.sub(r"\$\{[^}]+\}", kind, path)).app_names == ["admin"]
        given = {part.partition("=")[0] for part in query.split("&") if part}
        assert given <= {"since", "until", "origin", "collection", "config", "model", "outcome", "vote", "failing"}


@EVERY_BOARD
def test_means_and_rates_show_how_many_they_rest_on(board):
    """A column for n, or a panel that says in its description where n stands."""
    for panel, sql in sql_panels(board):
        if re.search(r"_ratio|mean|usd_per|p\d\d_seconds", sql):
            assert re.search(r'AS "n: ', sql) or re.search(r"\bn\b|rests", panel["description"]), panel["title"]


@EVERY_BOARD
def test_green_is_good(board):
    for panel in panels(board):
        for override in panel["fieldConfig"].get("overrides", []):
            if '"green"' in json.dumps(override["properties"]):
                assert override["matcher"]["options"] in {"thumbs up", "resolved", "citing", "done"}


def test_alert_rules_are_those_of_the_site():
    rules = {rule["uid"]: rule for group in ALERTS for rule in group["rules"]}
    asked = {uid: rule["data"][0]["model"]["expr"] for uid, rule in rules.items()}

    assert asked.pop("ragsite-unheard") == "count(ragsite_alert_firing) or vector(0)"
    assert asked == {
        f"ragsite-{rule.name.replace('_', '-')}": f'max(ragsite_alert_firing{{alert="{rule.name}"}})' for rule in RULES
    }
    assert all(len(uid) <= 40 for uid in rules)
    assert {uid for uid, rule in rules.items() if rule["noDataState"] != "OK"} == {"ragsite-unheard"}
    for rule in rules.values():
        assert {data["datasourceUid"] for data in rule["data"]} == {"ragsite-prometheus", "__expr__"}
        assert rule["condition"] in {data["refId"] for data in rule["data"]}


def test_alert_rules_lead_to_the_panel_that_shows_them():
    shown = {panel["id"]: panel["title"] for panel in panels(BOARDS["system"])}

    for rule in ALERTS[0]["rules"]:
        assert rule["dashboardUid"] == "ragsite-system"
        assert shown[rule["panelId"]].startswith("Which alerts fire")


def expressions(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel["targets"] if "expr" in target]


@pytest.mark.django_db
def test_metrics_and_labels_that_panels_ask_for_are_there(client):
    make_known_traffic()
    cache.clear()
    client.get("/healthz")  # what is counted by request is there from the second on
    client.get("/metrics")
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    unknown = {"ragsite_judge_backlog_oldest_seconds"}  # absent while nothing waits
    named_by_prometheus = {"instance"}

    sent = " ".join(expressions(BOARDS["system"]))
    grouped = {label for labels in re.findall(r"(?:by|without) \(([^)]*)\)", sent) for label in labels.split(", ")}
    matched = set(re.findall(r"(\w+)=\"", sent))
    asked = set(re.findall(r"\b[a-z]+_[a-z_]+\b(?=[{[)])", re.sub(r"(?:by|without) \([^)]*\)", "", sent)))

    assert len(asked) > 15
    assert asked - unknown <= {re.split(r"[{ ]", line)[0] for line in lines}
    assert (grouped | matched) - named_by_prometheus <= {
        name for line in lines for name in re.findall(r"(\w+)=\"", line)
    }


def test_prometheus_can_read_what_panels_and_rules_ask(tmp_path):
    if not (promtool := shutil.which("promtool")):
        pytest.skip("promtool, of Debian's package prometheus, is not installed")
    asked = expressions(BOARDS["system"]) + [rule["data"][0]["model"]["expr"] for rule in ALERTS[0]["rules"]]
    sent = [one.replace("$__rate_interval", "1m").replace("$origin", "USER") for one in asked]
    rules = [{"record": f"panel:number_{number}", "expr": one} for number, one in enumerate(sent)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    checked = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def test_macros_become_what_grafana_documents():
    since, until = datetime(2026, 3, 2, 9, 30, tzinfo=UTC), datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
    sql = "f($__timeFrom(), $__timeTo(), $__interval_ms / 1000, '${model}', '${__timezone}') WHERE $__timeFilter(at)"

    sent = expand(sql, since=since, until=until, step=step_of(since, until, 120), model="it's")

    assert sent == (
        "f('2026-03-02T09:30:00Z', '2026-03-03T09:30:00Z', 600000 / 1000, 'it''s', 'UTC') "
        "WHERE at BETWEEN '2026-03-02T09:30:00Z' AND '2026-03-03T09:30:00Z'"
    )
    with pytest.raises(KeyError):
        expand("${collection}", since=since, until=until)
    with pytest.raises(ValueError, match="__unixEpochFilter"):
        expand("$__unixEpochFilter(at)", since=since, until=until)


@pytest.mark.parametrize(("days", "seconds"), [(1, 600), (4, 3600), (7, 3600), (30, 21600), (90, 43200)])
def test_long_ranges_have_steps_of_whole_hours(days, seconds):
    """Which the reports answer from their roll-ups; 120 points are what each panel asks for."""
    now = datetime(2026, 3, 2, tzinfo=UTC)

    assert {
        panel["maxDataPoints"] for board in BOARDS.values() for panel in panels(board) if "maxDataPoints" in panel
    } == {120}
    assert step_of(now - timedelta(days=days), now, 120).total_seconds() == seconds
