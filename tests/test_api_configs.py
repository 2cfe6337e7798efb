"""Pipeline configs, models, embedders, prices, and who one is, by the API."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from chat.models import ModelPrice, PipelineConfig
from tests.api_clients import api_client
from tests.factories import make_config, make_turn
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
CONFIGS = "/api/v1/pipeline-configs/"


@pytest.fixture
def config():
    return make_config(name="default", is_default=True)


def test_configs_are_listed_with_their_use(staff, config, django_assert_num_queries):
    make_turn(config=config)
    other = make_config()
    client = api_client(staff)
    client.get(CONFIGS)

    with django_assert_num_queries(3):  # token, count of requests, rows; a superuser's permissions take none
        rows = client.get(CONFIGS).json()["results"]

    assert [(row["id"], row["is_used"], row["is_default"]) for row in rows] == [
        (other.pk, False, False),
        (config.pk, True, True),
    ]
    assert client.get(f"{CONFIGS}{config.pk}/").json()["embedder"] == "local/all-MiniLM-L6-v2"


@pytest.mark.parametrize("place", ["", "x", "2026-01-01"])
def test_made_up_cursor_is_refused(staff, place):
    cursor = b64encode(f"p={place}".encode()).decode()

    body = assert_problem(api_client(staff).get(CONFIGS, {"cursor": cursor}), 400, "invalid")

    assert [error["field"] for error in body["errors"]] == ["cursor"]


def test_copy_is_changed_and_made_the_default(staff, config):
    make_turn(config=config)
    client = api_client(staff)

    refused = client.patch(f"{CONFIGS}{config.pk}/", {"top_k": 8}, format="json")
    copy = client.post(f"{CONFIGS}{config.pk}/copy/")
    address = f"{CONFIGS}{copy.json()['id']}/"
    changed = client.patch(address, {"top_k": 8, "search_mode": "text"}, format="json").json()
    made_default = client.post(f"{address}default/").json()

    assert "copy it" in assert_problem(refused, 409, "config_fixed")["detail"]
    assert (copy.status_code, copy.json()["version"]) == (201, 2)
    assert (changed["top_k"], changed["search_mode"]) == (8, "text")
    assert made_default["is_default"] is True
    config.refresh_from_db()
    assert (config.is_default, config.top_k) == (False, 5)
    told = LogEntry.objects.filter(user=staff, object_id=str(copy.json()["id"])).order_by("pk")
    assert [entry.get_change_message() for entry in told] == [
        f'By the API with the token "tests". {message}'
        for message in (f"Copied from {config}.", "Changed search_mode, top_k.", "Made the default.")
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"top_k": 0}, "top_k"),
        ({"top_k": "many"}, "top_k"),
        ({"embedder": "fake/none"}, "embedder"),
        ({"embedder": "\x00"}, "embedder"),
        ({"model": "nobody/none"}, "model"),
        ({"prompt": "answer_v99"}, "prompt"),
        ({"query_count": 3}, "query_count"),
    ],
)
def test_values_that_cannot_work_name_the_field(staff, config, change, field):
    response = api_client(staff).patch(f"{CONFIGS}{config.pk}/", change, format="json")

    assert [error["field"] for error in assert_problem(response, 400, "invalid")["errors"]] == [field]
    assert PipelineConfig.objects.get().top_k == 5


def test_what_identifies_a_config_is_not_changed(staff, config):
    api_client(staff).patch(
        f"{CONFIGS}{config.pk}/", {"name": "other", "version": 7, "is_default": False}, format="json"
    )

    config.refresh_from_db()
    assert (config.name, config.version, config.is_default) == ("default", 1, True)


def test_copy_is_made_once_under_its_key(staff, config):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}

    first, second = (client.post(f"{CONFIGS}{config.pk}/copy/", headers=headers) for _ in range(2))

    assert (second.status_code, second.json(), second["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert PipelineConfig.objects.filter(name=config.name).count() == 2


def test_who_may(alice, config):
    viewer = api_client(alice)
    assert_problem(api_client().get(CONFIGS), 401, "not_authenticated")
    assert "view_pipelineconfig" in assert_problem(viewer.get(CONFIGS), 403, "permission_missing")["detail"]
    alice.user_permissions.add(Permission.objects.get(codename="view_pipelineconfig"))

    assert viewer.get(CONFIGS).status_code == 200
    assert_problem(api_client(alice, ["chat"]).get(CONFIGS), 403, "scope_missing")
    for path, permission in (("copy", "add"), ("default", "change")):
        refused = viewer.post(f"{CONFIGS}{config.pk}/{path}/")
        assert f"{permission}_pipelineconfig" in assert_problem(refused, 403, "permission_missing")["detail"]
    assert_problem(viewer.patch(f"{CONFIGS}{config.pk}/", {"top_k": 8}, format="json"), 403, "permission_missing")


def test_configs_are_found_by_name_and_as_the_default(staff, config):
    other = make_config(name="other")
    client = api_client(staff)

    def ids(**query):
        return [one["id"] for one in client.get(CONFIGS, query).json()["results"]]

    assert ids(name="other") == [other.pk]
    assert ids(is_default="true") == list(PipelineConfig.objects.filter(is_default=True).values_list("pk", flat=True))
    [error] = assert_problem(client.get(CONFIGS, {"default": "true"}), 400, "invalid")["errors"]
    assert (error["field"], "is_default" in error["detail"]) == ("default", True)


def test_models_and_embedders_are_for_everybody_and_prices_are_not(alice, staff, config):
    ModelPrice.objects.create(
        model="fake/default",
        input_usd_per_million="1.5",
        output_usd_per_million="2",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    )
    client = api_client(alice)

    assert client.get("/api/v1/models/").json() == {"results": [{"name": "offline/extractive", "is_default": True}]}
    assert client.get("/api/v1/embedders/").json()["results"][0]["dimensions"] == 384
    assert_problem(client.get("/api/v1/model-prices/"), 403, "permission_missing")
    (price,) = api_client(staff).get("/api/v1/model-prices/").json()["results"]
    assert (price["input_usd_per_million"], price["cached_input_usd_per_million"]) == ("1.500000", None)


@pytest.mark.parametrize("scope", ["chat", "read", "score", "admin"])
def test_any_token_tells_whose_it_is(alice, scope):
    body = api_client(alice, [scope]).get("/api/v1/me/").json()

    assert (body["username"], body["is_staff"], body["permissions"]) == ("alice", False, [])
    assert (body["scopes"], body["token"]["name"]) == ([scope], "tests")
    assert body["requests_per_minute"]["chat"] == 60


def test_browser_has_all_scopes_and_no_token(staff):
    client = Client()
    client.force_login(staff)

    body = client.get("/api/v1/me/").json()

    assert (body["token"], body["scopes"]) == (None, ["chat", "read", "score", "admin"])
    assert "chat.view_turn" in body["permissions"]
