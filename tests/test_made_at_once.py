"""Several people press the same button at the same moment: each gets a version, or a name, of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from chat.models import PipelineConfig
from chat.services.configs import copy_as_new, default_config, ensure_default_config, make_default, save_variant
from monitoring.exceptions import ExperimentError
from monitoring.experiments.lifecycle import copy_as_draft, save_draft, stored_drafts
from monitoring.models import Experiment
from tests.experimented import make_draft
from tests.factories import make_config

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 6


def at_once(work):
    """Return what `work` returns to each of some threads that begin together, by their number."""
    start = threading.Barrier(PEOPLE)

    def one(number):
        start.wait(20)
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(PEOPLE) as threads:
        return [*threads.map(one, range(PEOPLE))]


@pytest.fixture(autouse=True)
def default_is_forgotten():
    yield
    default_config.forget()


def test_copies_of_a_config_are_versions_one_after_the_other():
    config = ensure_default_config()

    copies = at_once(lambda _: copy_as_new(config=config))

    assert sorted(copy.version for copy in copies) == [2, 3, 4, 5, 6, 7]


def test_variants_of_a_new_name_are_versions_one_after_the_other():
    config = ensure_default_config()

    variants = at_once(lambda number: save_variant(config=config, name="tuned", description="", top_k=number + 1))

    assert sorted(variant.version for variant in variants) == [1, 2, 3, 4, 5, 6]


def test_one_of_the_configs_that_are_made_the_default_is_it():
    ensure_default_config()
    configs = [make_config(name=f"config-{number}") for number in range(PEOPLE)]

    at_once(lambda number: make_default(config=configs[number]))

    assert PipelineConfig.objects.get(is_default=True) in configs


def test_copies_of_an_experiment_have_names_one_after_the_other():
    experiment = make_draft(name="Prompts")

    copies = at_once(lambda _: copy_as_draft(experiment=experiment))

    assert sorted(copy.name for copy in copies) == [f"Prompts ({number})" for number in range(2, 8)]


def test_one_of_the_experiments_of_a_name_is_made_and_the_others_are_told():
    experiment = make_draft(name="Prompts")
    variants, _ = stored_drafts(experiment)

    def make(_):
        draft = Experiment.objects.get(pk=experiment.pk)
        draft.pk, draft._state.adding, draft.name = None, True, "Models"
        try:
            return save_draft(experiment=draft, variants=variants).name
        except ExperimentError as error:
            return str(error)

    assert sorted(at_once(make)) == ["Experiment with this Name already exists."] * (PEOPLE - 1) + ["Models"]
