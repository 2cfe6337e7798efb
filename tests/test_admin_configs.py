"""Pipeline configs, prices and groups in the admin."""

import importlib

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.urls import reverse

from chat.models import ModelPrice, PipelineConfig
from chat.rag.config import ContextSize, Provider, Reranker
from tests.factories import make_config, make_embedder, make_turn, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def _values(**overrides):
    return {
        "name": "careful",
        "search_mode": "hybrid",
        "embedder": make_embedder().pk,
        "top_k": 5,
        "min_similarity": 0.3,
        "model": "offline/extractive",
        "prompt": "answer_v1",
        "rewrite": "on",
        "fusion": "rrf",
        "text_weight": 0.5,
        "query_count": 1,
        "max_per_document": 0,
        "rerank": "",
        "rerank_depth": 20,
        "rerank_model": "",
        "context": "chunk",
        **overrides,
    }


def _page(config) -> str:
    return reverse("admin:chat_pipelineconfig_change", args=[config.pk])


def test_config_is_added_as_the_first_version(admin):
    response = admin.post(reverse("admin:chat_pipelineconfig_add"), _values())

    assert response.status_code == 302, response.context["errors"]
    config = PipelineConfig.objects.get(name="careful")
    assert (config.version, config.is_default) == (1, False)


def test_same_name_is_added_as_the_next_version(admin):
    make_config(name="careful", version=3)

    admin.post(reverse("admin:chat_pipelineconfig_add"), _values())

    assert list(PipelineConfig.objects.filter(name="careful").values_list("version", flat=True)) == [4, 3]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model", "gpt-4o", "is not of the form provider/model"),
        ("model", "nowhere/gpt-4o", "No model server &quot;nowhere&quot; is set up here; known: offline"),
        ("fallback_model", "nowhere/x", "No model server"),
        ("prompt", "answer_v99", "answer_v99 is not one of the available choices"),
        ("embedder", 999999, "is not one of the available choices"),
        ("top_k", 51, "less than or equal to 50"),
        ("text_weight", 1.5, "less than or equal to 1"),
        ("query_count", 0, "greater than or equal to 1"),
        ("query_count", 2, "offline/extractive is none: choose another model, or search 1 phrasing"),
        ("rerank", "llm", "offline/extractive is none: name one that re-ranks"),
        ("rerank_depth", 1, "greater than or equal to 2"),
        ("rerank_model", "nowhere/x", "No model server"),
        ("context", "book", "book is not one of the available choices"),
    ],
)
def test_config_names_only_what_exists(admin, field, value, message):
    response = admin.post(reverse("admin:chat_pipelineconfig_add"), _values(**{field: value}))

    assert response.status_code == 200
    assert message in response.content.decode()
    assert not PipelineConfig.objects.filter(name="careful").exists()


def test_stages_that_need_a_model_are_taken_with_one(admin, settings):
    settings.PROVIDERS = {"fake": Provider("fake", "http://127.0.0.1:9/v1")}
    stages = {"query_count": 3, "rerank": "llm", "rerank_depth": 10, "context": "section", "max_per_document": 2}

    admin.post(reverse("admin:chat_pipelineconfig_add"), _values(model="fake/small", **stages))
    admin.post(
        reverse("admin:chat_pipelineconfig_add"), _values(name="offline", rerank="llm", rerank_model="fake/small")
    )

    recipe = PipelineConfig.objects.get(name="careful").recipe()
    assert (recipe.query_count, recipe.rerank, recipe.rerank_depth) == (3, Reranker.LLM, 10)
    assert (recipe.context, recipe.max_per_document) == (ContextSize.SECTION, 2)
    assert PipelineConfig.objects.get(name="offline").rerank_model == "fake/small"


def test_local_reranking_needs_no_model_server(admin):
    admin.post(reverse("admin:chat_pipelineconfig_add"), _values(rerank="local"))

    assert PipelineConfig.objects.get(name="careful").recipe().rerank is Reranker.LOCAL


def test_unused_config_can_be_changed(admin):
    config = make_config()

    admin.post(_page(config), _values(top_k=9))

    config.refresh_from_db()
    assert config.top_k == 9


def test_used_config_is_read_only(admin):
    config = make_turn().config

    html = admin.get(_page(config)).content.decode()
    response = admin.post(_page(config), _values(top_k=9))

    assert 'name="_save"' not in html
    assert "copy it as a new version" in html
    assert response.status_code == 403
    assert PipelineConfig.objects.get(pk=config.pk).top_k == 5


@pytest.mark.parametrize("state", ["used", "default"])
def test_config_that_matters_cannot_be_deleted(admin, state):
    config = make_turn().config if state == "used" else make_config(is_default=True)

    assert admin.post(reverse("admin:chat_pipelineconfig_delete", args=[config.pk]), {"post": "yes"}).status_code == 403


def test_copy_as_new_version_opens_the_copy(admin):
    config = make_turn(config=make_config(name="fast", top_k=7)).config

    response = admin.post(reverse("admin:chat_pipelineconfig_copy", args=[config.pk]))

    copy = PipelineConfig.objects.get(name="fast", version=2)
    assert response.url == _page(copy)
    assert (copy.top_k, copy.is_default) == (7, False)
    assert LogEntry.objects.get(object_id=str(copy.pk)).change_message == "Copied from fast v1."


def test_make_default_replaces_the_earlier_default(admin):
    make_config(name="old", is_default=True)
    config = make_config(name="new")

    admin.post(reverse("admin:chat_pipelineconfig_default", args=[config.pk]))

    assert [config.name for config in PipelineConfig.objects.filter(is_default=True)] == ["new"]
    assert LogEntry.objects.get(object_id=str(config.pk)).change_message == "Made the default."


@pytest.mark.parametrize("name", ["copy", "default"])
def test_buttons_want_post_and_permission(admin, client, name):
    url = reverse(f"admin:chat_pipelineconfig_{name}", args=[make_config().pk])
    assert admin.get(url).status_code == 405

    reviewer = make_user(is_staff=True)
    reviewer.groups.add(Group.objects.get(name="reviewer"))
    client.force_login(reviewer)

    assert client.post(url).status_code == 403


@pytest.mark.parametrize(("model", "status"), [("ollama/llama3.1", 302), ("llama3.1", 200), ("/x", 200)])
def test_price_wants_provider_and_model(admin, model, status):
    response = admin.post(
        reverse("admin:chat_modelprice_add"),
        {
            "model": model,
            "valid_from_0": "2026-01-01",
            "valid_from_1": "00:00:00",
            "input_usd_per_million": "0.2",
            "output_usd_per_million": "0.4",
        },
    )

    assert response.status_code == status
    assert ModelPrice.objects.count() == (status == 302)


def test_groups_have_their_permissions():
    reviewer, operator = (
        set(
            Group.objects.get(name=name)
            .permissions.filter(content_type__app_label="chat")
            .values_list("codename", flat=True)
        )
        for name in ("reviewer", "operator")
    )

    assert reviewer == {
        "view_conversation", "view_turn", "view_hit", "view_llmcall", "view_feedback", "view_implicitsignal",
        "view_collection", "view_document",
    }  # fmt: skip
    assert reviewer < operator
    assert {"add_document", "change_pipelineconfig", "delete_modelprice"} < operator
    assert not {"change_turn", "delete_conversation"} & operator


def test_groups_migration_goes_back_and_forth():
    migration = importlib.import_module("chat.migrations.0002_groups")

    with connection.schema_editor() as editor:
        migration.remove_groups(apps, editor)
        assert not Group.objects.exists()
        migration.make_groups(apps, editor)

    assert Group.objects.get(name="operator").permissions.count() == 23


def test_config_in_use_is_offered_over_the_api_and_no_longer(admin):
    config = make_config(name="careful")
    make_turn(config=config)
    offer = reverse("admin:chat_pipelineconfig_offer", args=[config.pk])

    response = admin.post(offer, {"offered": "1"}, follow=True)

    config.refresh_from_db()
    assert config.is_offered
    assert "careful v1 is offered to everybody over the API as careful:1." in response.content.decode()
    assert "Offer no longer" in response.content.decode()

    response = admin.post(offer, follow=True)

    config.refresh_from_db()
    assert not config.is_offered
    assert "Offer over the API" in response.content.decode()
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
        "Offered over the API.",
        "No longer offered.",
    ]


def test_copy_of_an_offered_config_is_not_offered(admin):
    config = make_config(is_offered=True)

    admin.post(reverse("admin:chat_pipelineconfig_copy", args=[config.pk]))

    assert not PipelineConfig.objects.get(name=config.name, version=2).is_offered


def test_who_may_not_change_configs_offers_none(client):
    viewer = make_user(is_staff=True)
    client.force_login(viewer)
    config = make_config()

    response = client.post(reverse("admin:chat_pipelineconfig_offer", args=[config.pk]), {"offered": "1"})

    config.refresh_from_db()
    assert (response.status_code, config.is_offered) == (403, False)
