"""What staff watch by the API: turns behind figures, alerts, rules and versions of judges."""

import pytest

from chat.models import Turn
from monitoring.models import JudgeRule
from tests.api_clients import api_client
from tests.factories import make_collection, make_config, make_conversation, make_feedback, make_turn
from tests.judged import ago, make_rule
from tests.quality_rows import label_turns, make_version
from tests.review_rows import make_member, make_verdict
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
TURNS = "/api/v1/monitoring/turns/"


@pytest.fixture
def client():
    return api_client(make_member("operator"), ["read"])


def ids(client, **query):
    return [one["id"] for one in client.get(TURNS, query).json()["results"]]


def test_turns_have_what_was_measured_and_few_queries(client, django_assert_max_num_queries):
    for _ in range(3):
        make_feedback(turn=make_turn(first_token_seconds=None, collection=make_collection()))

    with django_assert_max_num_queries(11):
        rows = client.get(TURNS).json()["results"]

    assert [row["votes"] for row in rows] == [[1], [1], [1]]
    assert (rows[0]["total_seconds"], rows[0]["first_token_seconds"], rows[0]["cost_usd"]) == (1.5, None, None)
    assert client.get(TURNS, {"fields": "id,votes"}).json()["results"][0].keys() == {"id", "votes"}


def test_turns_are_filtered_as_the_figures_count_them(client):
    config, collection = make_config(), make_collection()
    turns = {
        "plain": make_turn(),
        "failed": make_turn(status=Turn.Status.FAILED, config=config),
        "refused": make_turn(nothing_found=True, model="a/model"),
        "down": make_turn(conversation=make_conversation(collection=collection)),
        "api": make_turn(origin="API"),
    }
    make_feedback(turn=turns["down"], value=-1)
    make_verdict(turn=turns["plain"])
    Turn.objects.filter(pk=turns["plain"].pk).update(created_at=ago(days=2))
    yesterday = ago(days=1).isoformat()

    def named(**query):
        found = ids(client, **query)
        return {name for name, turn in turns.items() if turn.pk in found}

    assert named(outcome="failed", config=config.pk) == {"failed"}
    assert named(outcome="refused", model="a/model") == {"refused"}
    assert named(vote="down", collection=collection.pk) == {"down"}
    assert named(failing="groundedness") == {"plain"}
    assert named(origin="API") == {"api"}
    assert named(until=yesterday) == {"plain"}
    assert named(since=yesterday, origin="USER", collection=0) == {"failed", "refused"}


def test_pages_of_turns_hold_each_once(client):
    made = {make_turn().pk for _ in range(5)}

    found, address = [], f"{TURNS}?limit=2"
    while address:
        page = client.get(address).json()
        found += [row["id"] for row in page["results"]]
        address = page["next"]

    assert sorted(found) == sorted(made)


@pytest.mark.parametrize(
    "name", ["outcome", "vote", "failing", "topic", "variant", "config", "collection", "origin", "x"]
)
def test_filter_that_cannot_be_is_refused(client, name):
    [error] = assert_problem(client.get(TURNS, {name: "98765"}), 400, "invalid")["errors"]

    assert error["field"] == name


def test_alerts_read_all_rules_and_say_which_fire(client, staff):
    readings = {one["name"]: one for one in client.get("/api/v1/alerts/").json()["results"]}

    assert readings["error_rate"]["is_firing"] is False
    assert (readings["error_rate"]["value"], readings["error_rate"]["threshold"]) == (None, 0.05)
    for _ in range(20):
        make_turn(status=Turn.Status.FAILED, finished_at=ago(minutes=1))
    firing = [one["name"] for one in api_client(staff).get("/api/v1/alerts/", {"firing": "true"}).json()["results"]]
    assert "error_rate" in firing
    assert "disk_full" not in firing


def test_alerts_of_a_collection_that_is_not_there_are_refused(client):
    assert_problem(client.get("/api/v1/alerts/", {"collection": "9" * 30}), 400, "invalid")


def test_alerts_on_budgets_are_for_who_may_see_budgets(staff):
    def names(user):
        return {one["name"] for one in api_client(user).get("/api/v1/alerts/").json()["results"]}

    assert "budget_used" in names(staff)
    assert "budget_used" not in names(make_member("reviewer"))


def test_judge_rules_say_what_they_judge_and_spend(client):
    JudgeRule.objects.all().delete()
    make_rule(judge="relevance_offline")
    make_rule(judge="no_such_judge")

    rules = {one["judge"]: one for one in client.get("/api/v1/judge-rules/").json()["results"]}

    assert rules["relevance_offline"]["last_day"] == {"matching": 0, "sampled": 0, "judged": 0, "failed": 0}
    assert rules["no_such_judge"]["last_day"] is None
    assert "no_such_judge" in rules["no_such_judge"]["problem"]


def test_judge_versions_come_with_kappa(client):
    version = make_version()
    label_turns(version, [("SUPPORTED", "SUPPORTED"), ("UNSUPPORTED", "UNSUPPORTED")] * 3)

    [listed] = client.get("/api/v1/judge-versions/").json()["results"]

    assert listed == client.get(f"/api/v1/judge-versions/{version.pk}/").json()
    assert (listed["labels"], listed["kappa"]["value"], listed["standing"]) == (6, 1.0, "ADVISORY")
    assert listed["work"]["verdicts"] == 6
    assert_problem(client.get("/api/v1/judge-versions/987654/"), 404, "not_found")


@pytest.mark.parametrize("path", [TURNS, "/api/v1/alerts/", "/api/v1/judge-rules/", "/api/v1/judge-versions/"])
def test_watching_is_for_staff_with_the_permission(alice, path):
    assert_problem(api_client().get(path), 401, "not_authenticated")
    assert_problem(api_client(alice).get(path), 403, "permission_missing")
    assert_problem(api_client(make_member("reviewer"), ["chat"]).get(path), 403, "scope_missing")
