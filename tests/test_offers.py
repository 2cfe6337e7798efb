"""What a user may ask by name: the default, pipeline configs, models."""

import pytest

from chat.models import PipelineConfig
from chat.services.configs import available_models, ensure_default_config
from chat.services.offers import find_offer, offers_to
from tests.factories import make_config

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def known_models(settings):
    """The default config and the offline answerer, which is the only model."""
    settings.PROVIDERS = {}
    available_models.forget()
    return ensure_default_config()


def names(user) -> list[str]:
    return [offer.name for offer in offers_to(user)]


def test_everybody_may_ask_the_default_and_what_is_offered(alice, staff):
    make_config(name="careful")
    offered = make_config(name="careful", version=2, is_offered=True)
    make_config(name="careful", version=3)

    assert names(alice) == ["ragsite", "careful", "careful:2", "ragsite/offline/extractive"]
    assert find_offer(alice, "careful").config == offered
    assert find_offer(alice, "careful:2").config == offered
    assert find_offer(alice, "ragsite").config is None
    assert find_offer(staff, "careful").config.version == 3
    assert "careful:1" in names(staff)


@pytest.mark.parametrize(
    "name", ["hidden", "hidden:1", "careful:9", "ragsite/nowhere/x", "ragsite/", "", "a b", "careful:0"]
)
def test_what_there_is_not_for_a_user_is_not_found(alice, name):
    make_config(name="hidden")
    make_config(name="careful", is_offered=True)

    assert find_offer(alice, name) is None


def test_models_are_there_only_where_users_may_choose_them(alice, settings):
    settings.USER_CHOICES = frozenset({"collection"})

    assert names(alice) == ["ragsite"]
    assert find_offer(alice, "ragsite/offline/extractive") is None


def test_config_that_has_the_site_s_own_name_is_asked_by_its_version(alice):
    config = make_config(name="ragsite", is_offered=True)

    assert names(alice)[:2] == ["ragsite", "ragsite:1"]
    assert find_offer(alice, "ragsite").config is None
    assert find_offer(alice, "ragsite:1").config == config


def test_configs_of_other_systems_answer_nobody(staff):
    config = make_config(name="theirs")
    PipelineConfig.objects.filter(pk=config.pk).update(import_source="elsewhere")

    assert find_offer(staff, "theirs") is None
