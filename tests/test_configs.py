"""Pipeline configs and models: what may answer, and what answers by default."""

import pytest
from django.core.cache import cache

from chat.exceptions import ConfigurationError
from chat.models import PipelineConfig
from chat.rag.config import Provider
from chat.services.configs import (
    available_models,
    check_model_name,
    copy_as_new,
    ensure_default_config,
    find_config,
    make_default,
)
from chat.services.configs import pick_config as pick
from tests.factories import make_config, make_conversation
from tests.fakes import FakeLLM

pytestmark = pytest.mark.django_db


@pytest.fixture
def nothing_remembered():
    cache.delete("models")
    available_models.forget()
    yield
    available_models.forget()
    cache.delete("models")


@pytest.mark.usefixtures("nothing_remembered")
def test_models_of_servers_are_listed_without_those_that_cannot_chat(settings):
    with FakeLLM() as fake_llm:
        fake_llm.models = ("small", "text-embedding-3-small", "whisper-1", "gpt-4o-mini-tts", "dall-e-3", "big")
        settings.PROVIDERS = {"fake": Provider("fake", fake_llm.base_url)}

        assert available_models() == ["offline/extractive", "fake/big", "fake/small"]


@pytest.mark.usefixtures("nothing_remembered")
def test_server_that_is_away_leaves_the_others(settings):
    with FakeLLM() as fake_llm:
        fake_llm.models = ("small",)
        settings.PROVIDERS = {
            "away": Provider("away", "http://127.0.0.1:9/v1"),
            "fake": Provider("fake", fake_llm.base_url),
        }

        assert available_models() == ["offline/extractive", "fake/small"]


def test_first_config_is_made_once_and_is_the_default():
    config = ensure_default_config()

    assert ensure_default_config() == config
    assert (config.model, config.search_mode, config.is_default) == ("offline/extractive", "hybrid", True)


def test_copy_is_the_next_version_and_not_the_default():
    config = ensure_default_config()

    copy = copy_as_new(config=config)

    assert (copy.name, copy.version, copy.is_default) == (config.name, config.version + 1, False)
    assert PipelineConfig.objects.default() == config


def test_there_is_one_default():
    first, second = ensure_default_config(), make_config(name="other")

    make_default(config=second)

    first.refresh_from_db()
    assert (first.is_default, PipelineConfig.objects.default()) == (False, second)


def other_config(user, conversation):
    return PipelineConfig.objects.get(name="other")


def broken_picker(user, conversation):
    raise RuntimeError("no assignment")


def test_picker_of_the_settings_decides(alice, settings):
    ensure_default_config()
    make_config(name="other")
    settings.CONFIG_PICKER = "tests.test_configs.other_config"

    assert pick(user=alice, conversation=make_conversation(user=alice)).name == "other"


def test_broken_picker_leaves_the_default(alice, settings):
    default = ensure_default_config()
    settings.CONFIG_PICKER = "tests.test_configs.broken_picker"

    assert pick(user=alice, conversation=make_conversation(user=alice)) == default


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("gpt-4o", "not of the form provider/model"),
        ("nowhere/x", 'No model server "nowhere" is set up here'),
        ("offline/magic", "the offline answerer is offline/extractive"),
    ],
)
def test_wrong_model_name_is_refused_in_words(model, words):
    with pytest.raises(ConfigurationError, match=words):
        check_model_name(model)


def test_config_is_found_by_its_name_in_its_newest_version():
    make_config(name="careful", version=1)
    newest = make_config(name="careful", version=2)

    assert find_config("careful") == newest


@pytest.mark.parametrize("name", ["careful_v1", "careful:1", "careful v1", "careful 1", "careful:v1", " careful_v1 "])
def test_config_is_found_in_an_older_version(name):
    older = make_config(name="careful", version=1)
    make_config(name="careful", version=2)

    assert find_config(name) == older


def test_name_that_looks_like_a_version_wins_over_the_version():
    make_config(name="careful", version=2)
    config = make_config(name="careful_v2")

    assert find_config("careful_v2") == config
    assert find_config("careful_v2_v1") == config


@pytest.mark.parametrize("name", ["text", "vector", "hybrid", "hybrid_v1"])
def test_config_of_a_search_mode_is_made_of_the_default_once(name):
    default = make_config(name="mine", is_default=True, top_k=7, search_mode="vector")

    config = find_config(name)

    mode = name.removesuffix("_v1")
    assert (config.name, config.version, config.search_mode, config.top_k) == (mode, 1, mode, 7)
    assert (config.is_default, find_config(name), PipelineConfig.objects.default()) == (False, config, default)


def test_own_config_with_the_name_of_a_mode_is_used_as_it_is():
    own = make_config(name="hybrid", version=4)

    assert find_config("hybrid") == own
    with pytest.raises(ConfigurationError, match=r'no pipeline config "hybrid_v1"\. There are: hybrid_v4\.'):
        find_config("hybrid_v1")


def test_unknown_config_is_refused_with_those_that_there_are():
    make_config(name="careful", version=3)

    with pytest.raises(ConfigurationError, match=r'no pipeline config "fast"\. There are: careful_v3\. text, vector'):
        find_config("fast")


@pytest.mark.parametrize(
    ("stage", "is_plain"),
    [({}, True), ({"context": "section"}, True), ({"query_count": 2}, False), ({"rerank": "llm"}, False),
     ({"max_per_document": 1}, False)],
)  # fmt: skip
def test_recipe_tells_whether_search_alone_decides_the_ranking(stage, is_plain):
    assert make_config(**stage).recipe().is_plain_search is is_plain
