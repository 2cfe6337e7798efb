"""Judge rules by the API: made, changed, switched on and off, deleted, with the checks of the admin's form."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry

from chat.rag.config import Provider
from monitoring.models import JudgeRule
from tests.api_clients import api_client
from tests.factories import make_collection, make_config
from tests.judged import ago, make_finished, make_rule, make_score
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
RULES = "/api/v1/judge-rules/"


@pytest.fixture(autouse=True)
def provider(settings):
    settings.PROVIDERS = {"fake": Provider("fake", "http://127.0.0.1:1/v1")}


@pytest.fixture
def client():
    return api_client(make_member("operator"))


def make(client, **changes):
    body = {"name": "Relevance by a model", "judge": "relevance", "model": "fake/judge", **changes}
    return client.post(RULES, body, format="json")


def change(client, rule, **changes):
    return client.patch(f"{RULES}{rule.pk}/", changes, format="json")


def test_rule_is_made_and_looks_at_what_finishes_from_now_on(client):
    wanted = {
        "sampling_rate": 0.1,
        "origin": "API",
        "collection": make_collection().pk,
        "config": make_config().pk,
        "daily_cap_calls": 100,
        "daily_cap_usd": "1.5000",
    }

    made = make(client, **wanted)

    shown = made.json()
    assert made.status_code == 201
    assert {name: shown[name] for name in wanted} == wanted
    assert (shown["is_active"], shown["problem"], shown["today"]["calls"]) == (True, "", 0)
    assert datetime.fromisoformat(shown["since"]) > ago(minutes=1)
    assert client.get(f"{RULES}{shown['id']}/").json() == shown
    assert JudgeRule.objects.get(pk=shown["id"]).daily_cap_usd == Decimal("1.5")
    assert LogEntry.objects.get(object_id=str(shown["id"])).change_message == 'By the API with the token "tests".'


def test_rule_is_switched_off_and_on_again(client):
    rule = make_rule(since=ago(days=3))

    off = change(client, rule, is_active=False).json()
    again = change(client, rule, is_active=True).json()

    assert (off["is_active"], datetime.fromisoformat(off["since"])) == (False, rule.since)
    assert again["is_active"] is True
    assert datetime.fromisoformat(again["since"]) > ago(minutes=1)


@pytest.mark.parametrize(
    ("changes", "begins_anew"),
    [
        ({"name": "Another name"}, False),
        ({"sampling_rate": 0.5}, False),
        ({"daily_cap_calls": None}, False),
        ({"is_active": True}, False),  # as it is already
        ({"origin": "API"}, True),
        ({"judge": "toxicity_offline", "model": ""}, True),
    ],
)
def test_rule_that_looks_at_others_begins_anew(client, changes, begins_anew):
    rule = make_rule(since=ago(days=3), daily_cap_calls=5)

    shown = change(client, rule, **changes).json()

    assert {name: shown[name] for name in changes} == changes
    assert (datetime.fromisoformat(shown["since"]) > rule.since) == begins_anew


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": ""}, "name", "blank"),
        ({"judge": "mood"}, "judge", "There are: "),
        ({"model": ""}, "model", "provider/model"),
        ({"model": "nobody/judge"}, "model", "No model server"),
        ({"judge": "relevance_offline", "model": "fake/judge"}, "model", "leave the model empty"),
        ({"sampling_rate": 1.5}, "sampling_rate", "1"),
        ({"sampling_rate": "often"}, "sampling_rate", "number"),
        ({"origin": "MOON"}, "origin", "MOON"),
        ({"collection": 987654}, "collection", "987654"),
        ({"config": "x"}, "config", "pk"),
        ({"daily_cap_calls": -1}, "daily_cap_calls", "0"),
        ({"daily_cap_usd": "-0.5"}, "daily_cap_usd", "0"),
    ],
)
def test_rule_that_cannot_be_is_refused_by_field(client, changes, field, words):
    rule = make_rule()

    for response in (make(client, **changes), change(client, rule, **changes)):
        [error] = assert_problem(response, 400, "invalid")["errors"]
        assert error["field"] == field
        assert words in error["detail"]


def test_name_is_taken_once(client):
    make_rule(name="Relevance by a model")

    [error] = assert_problem(make(client), 400, "invalid")["errors"]

    assert error["field"] == "name"


def test_rule_whose_judge_is_gone_can_be_switched_off(client):
    rule = make_rule(judge="no_such_judge")

    shown = change(client, rule, is_active=False).json()

    assert shown["is_active"] is False
    assert "no_such_judge" in shown["problem"]


def test_verdicts_of_a_deleted_rule_stay(client):
    rule = make_rule()
    score = make_score(make_finished(), rule)

    assert client.delete(f"{RULES}{rule.pk}/").status_code == 204

    score.refresh_from_db()
    assert score.rule is None
    assert_problem(client.get(f"{RULES}{rule.pk}/"), 404, "not_found")
    assert LogEntry.objects.filter(object_id=str(rule.pk), action_flag=3).exists()


def test_reviewers_look_and_change_nothing():
    rule, client = make_rule(), api_client(make_member("reviewer"))

    assert client.get(f"{RULES}{rule.pk}/").status_code == 200
    assert_problem(make(client), 403, "permission_missing")
    assert_problem(change(client, rule, is_active=False), 403, "permission_missing")
    assert_problem(client.delete(f"{RULES}{rule.pk}/"), 403, "permission_missing")
