"""Drafts of experiments by the API: the checks of the admin's form, and units from 0 to 1."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group

from monitoring.experiments.drafts import GuardrailDraft
from monitoring.models import Experiment
from tests.api_clients import api_client
from tests.experimented import make_draft, make_experiment
from tests.factories import make_collection, make_config
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
EXPERIMENTS = "/api/v1/experiments/"


@pytest.fixture
def client():
    return api_client(make_member("operator"))


def body(**changes):
    """Return a draft that could start."""
    variants = [{"name": name, "config": make_config().pk, "share": 0.5} for name in "AB"]
    return {
        "name": "More hits",
        "hypothesis": "Eight hits answer more.",
        "primary_kpi": "up_ratio",
        "smallest_effect": 0.03,
        "variants": variants,
        **changes,
    }


def make(client, **changes):
    return client.post(EXPERIMENTS, body(**changes), format="json")


def change(client, experiment_id, **changes):
    return client.patch(f"{EXPERIMENTS}{experiment_id}/", changes, format="json")


def test_draft_is_made_and_started(client):
    collection = make_collection()
    wanted = {"traffic": 0.2, "unit": "CONVERSATION", "collections": [collection.pk], "groups": ["reviewer"]}

    made = make(client, **wanted, guardrails=[{"kpi": "error_ratio", "margin": 0.01}])

    shown = made.json()
    assert (made.status_code, shown["status"], shown["origin"]) == (201, "DRAFT", "USER")
    assert {name: shown[name] for name in wanted} == wanted
    assert (shown["alpha"], shown["power"], shown["minimum_days"], shown["is_aa"]) == (0.05, 0.8, 7, False)
    assert [(one["name"], one["share"], one["is_control"]) for one in shown["variants"]] == [
        ("A", 0.5, True),
        ("B", 0.5, False),
    ]
    assert shown["guardrails"] == [{"kpi": "error_ratio", "margin": 0.01}]
    stored = Experiment.objects.get(pk=shown["id"])
    assert (stored.traffic, stored.first_bucket, stored.created_by is not None) == (2000, None, True)
    assert LogEntry.objects.filter(object_id=str(stored.pk), change_message="Made.").exists()
    assert client.post(f"{EXPERIMENTS}{stored.pk}/start/").json()["status"] == "RUNNING"


def test_thirds_of_the_traffic_are_whole_parts(client):
    variants = [{"name": name, "config": make_config().pk, "share": 1 / 3} for name in "ABC"]
    variants[1]["is_control"] = True

    shown = make(client, variants=variants).json()

    assert sorted(one["share"] for one in shown["variants"]) == [0.3333, 0.3333, 0.3334]
    assert [one["name"] for one in shown["variants"] if one["is_control"]] == ["B"]


def test_part_of_a_draft_is_changed_and_the_rest_stays(client):
    draft = make_draft(
        guardrails=[GuardrailDraft("error_ratio", 0.01)],
        collections=[make_collection()],
        groups=Group.objects.filter(name="reviewer"),
        traffic=5000,
    )
    before = client.get(f"{EXPERIMENTS}{draft.pk}/").json()

    renamed = change(client, draft.pk, name="Other words", smallest_effect=0.1).json()

    assert renamed == {**before, "name": "Other words", "smallest_effect": 0.1}
    config = make_config()
    variants = [{"name": "A", "config": before["variants"][0]["config"], "share": 0.9}]
    divided = change(client, draft.pk, variants=[*variants, {"name": "C", "config": config.pk, "share": 0.1}]).json()
    assert [(one["name"], one["share"]) for one in divided["variants"]] == [("A", 0.9), ("C", 0.1)]
    assert divided["variants"][0]["id"] == before["variants"][0]["id"]
    assert change(client, draft.pk, guardrails=[], groups=[]).json()["guardrails"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"primary_kpi": "mood"}, "primary_kpi"),
        ({"smallest_effect": 0}, "smallest_effect"),
        ({"alpha": 0.5}, "alpha"),
        ({"power": 0.1}, "power"),
        ({"traffic": 0}, "traffic"),
        ({"minimum_days": -1}, "minimum_days"),
        ({"unit": "TEAM"}, "unit"),
        ({"variants": []}, "variants"),
        ({"variants": [{"name": "A", "config": 987654, "share": 0.5}, {"name": "B"}]}, "variants.0.config"),
        ({"guardrails": [{"kpi": "up_ratio"}]}, "guardrails"),
        ({"guardrails": [{"kpi": "error_ratio", "margin": -1}]}, "guardrails.0.margin"),
        ({"stops_on_guardrail": True}, "guardrails"),
        ({"collections": [987654]}, "collections"),
        ({"groups": ["nobody"]}, "groups"),
        ({"justified_by": 987654}, "justified_by"),
    ],
)
def test_what_cannot_be_is_refused_by_field(client, changes, field):
    draft = make_draft()

    for response in (make(client, **changes), change(client, draft.pk, **changes)):
        assert field in [error["field"] for error in assert_problem(response, 400, "invalid")["errors"]]

    assert Experiment.objects.count() == 1


def test_shares_and_configs_of_variants_are_checked_together(client):
    one, other = make_config(), make_config()

    def problem(*variants, **changes):
        rows = [dict(zip(("name", "config", "share"), row, strict=True)) for row in variants]
        [error] = assert_problem(make(client, variants=rows, **changes), 400, "invalid")["errors"]
        return error["field"], error["detail"]

    assert problem(("A", one.pk, 0.5), ("B", other.pk, 0.4)) == (
        "variants",
        "The shares make 0.9 together; they must make 1.",
    )
    assert "two variants" in problem(("A", one.pk, 0.5))[1] or "2" in problem(("A", one.pk, 0.5))[1]
    assert "same config" in problem(("A", one.pk, 0.5), ("B", one.pk, 0.5))[1]
    assert "same config" in problem(("A", one.pk, 0.5), ("B", other.pk, 0.5), is_aa=True)[1]
    assert "a" in problem(("A", one.pk, 0.5), ("a", other.pk, 0.5))[1]


def test_name_is_taken_once(client):
    draft = make_draft(name="More hits")

    [error] = assert_problem(make(client), 400, "invalid")["errors"]

    assert error["field"] == "name"
    assert change(client, draft.pk, name="More hits").status_code == 200


def test_what_was_started_is_neither_changed_nor_deleted_but_copied(client):
    running = make_experiment()

    changed = change(client, running.pk, name="Other words")
    deleted = client.delete(f"{EXPERIMENTS}{running.pk}/")
    copied = client.post(f"{EXPERIMENTS}{running.pk}/copy/")

    assert "make a copy" in assert_problem(changed, 422, "experiment")["detail"]
    assert_problem(deleted, 422, "experiment")
    assert (copied.status_code, copied.json()["status"]) == (201, "DRAFT")
    assert change(client, copied.json()["id"], name="Other words").json()["name"] == "Other words"
    assert client.delete(f"{EXPERIMENTS}{copied.json()['id']}/").status_code == 204
    assert list(Experiment.objects.all()) == [running]


def test_copy_is_made_once_under_its_key(client):
    made = make(client).json()

    copies = [client.post(f"{EXPERIMENTS}{made['id']}/copy/", headers={"Idempotency-Key": "key-1"}) for _ in range(2)]

    assert [copy.status_code for copy in copies] == [201, 201]
    assert copies[0].json() == copies[1].json()
    assert Experiment.objects.count() == 2


def test_same_request_makes_one_draft(client):
    sent, key = body(), {"Idempotency-Key": "draft-1"}

    ids = [client.post(EXPERIMENTS, sent, format="json", headers=key).json()["id"] for _ in range(2)]

    assert (len(set(ids)), Experiment.objects.count()) == (1, 1)


def test_made_up_experiment_and_bodies_that_are_none(client):
    made_up = make_draft(origin="SYNTHETIC")

    assert_problem(change(client, made_up.pk, name="x"), 404, "not_found")
    assert_problem(client.delete(f"{EXPERIMENTS}{made_up.pk}/"), 404, "not_found")
    assert_problem(client.post(EXPERIMENTS, [1], format="json"), 400, "invalid")
    assert_problem(client.patch(f"{EXPERIMENTS}{make_draft().pk}/", [1], format="json"), 400, "invalid")
