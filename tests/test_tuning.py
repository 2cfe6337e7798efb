"""`manage.py tune`: settings chosen by one split and reported on another."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from chat.models import Collection, Document, PipelineConfig
from chat.rag.config import DEFAULT_FUSION, Fusion, FusionMethod
from chat.services.configs import find_config, save_variant
from monitoring.evaluation.questions import load_questions
from monitoring.evaluation.retrieval import QuestionVectors
from monitoring.evaluation.tuning import ALL, SAVED, Trials, fusion_of, tune
from monitoring.evaluation.tuning_report import describe
from tests.factories import make_dataset, make_document, make_embedding, make_item
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)

QUESTIONS = [("pump.md", "How is the pump started?"), ("valve.md", "How is the valve opened?")]


@pytest.fixture
def dataset():
    """Two questions in each of DEV and TEST, and ten in DEV that nothing answers."""
    collection = make_knowledge()
    dataset = make_dataset(name="faq")
    for split in ("DEV", "TEST"):
        for name, question in QUESTIONS:
            document = Document.objects.get(source_id=name)
            make_item([document], dataset=dataset, split=split, question=question)
    for number in range(10):
        question = f"Who won the football match on day {number}?"
        values = {"is_answerable": False, "collection": collection, "split": "DEV"}
        make_item(dataset=dataset, question=question, **values)
    return dataset


def trials_of(dataset, **overrides):
    questions = list(load_questions(dataset.items.filter(split="DEV").values_list("pk", flat=True)).values())
    values = {"measure": "mrr", "k": 5, "vectors": QuestionVectors(), **overrides}
    return Trials(find_config("hybrid"), questions, **values)


def test_all_settings_are_tried_where_trials_allow(dataset):
    found = tune(trials_of(dataset), start=DEFAULT_FUSION, space=SAVED, max_trials=80, seed=1)

    assert len(found) == len({trial.fusion for trial in found}) == 63
    assert [trial.value for trial in found] == sorted((trial.value for trial in found), reverse=True)
    assert {trial.fusion.method for trial in found} == set(FusionMethod)


def test_settings_that_are_no_better_than_those_there_are_stay_behind_them(dataset):
    start = replace(DEFAULT_FUSION, text_weight=0.45)

    found = tune(trials_of(dataset), start=start, space=SAVED, max_trials=80, seed=1)

    assert found[0].value == 1.0
    assert found[0].fusion == start


def test_a_large_space_is_searched_within_the_trials_and_the_same_by_the_same_seed(dataset):
    first = tune(trials_of(dataset), start=DEFAULT_FUSION, space=ALL, max_trials=20, seed=3)
    again = tune(trials_of(dataset), start=DEFAULT_FUSION, space=ALL, max_trials=20, seed=3)

    assert len(first) <= 20
    assert first == again


def test_the_better_leg_wins():
    """Words find the right document, meaning the wrong one: the more words count, the better."""
    dataset, collection = make_dataset(), Collection.objects.create(name="two")
    config = find_config("hybrid")
    vectors = QuestionVectors()
    question = "zebra stripes"
    right = make_document(("The zebra has stripes.",), collection=collection)
    wrong = make_document(("Nothing of the kind.",), collection=collection)
    near = [0.0] * 383 + [1.0]
    make_embedding(chunk=right.chunks.get(), vector=[1.0] + [0.0] * 383, embedder=config.embedder)
    make_embedding(chunk=wrong.chunks.get(), vector=near, embedder=config.embedder)
    vectors._kept[config.embedder_id] = {question: np.array(near, np.float32)}
    item = make_item([right], dataset=dataset, question=question)
    trials = Trials(config, list(load_questions([item.pk]).values()), measure="mrr", k=5, vectors=vectors)

    found = tune(trials, start=replace(DEFAULT_FUSION, text_weight=0.0), space=SAVED, max_trials=80, seed=1)

    by_weight = {trial.fusion.text_weight: trial.value for trial in found if trial.fusion.method == "convex"}
    assert (by_weight[0.0], by_weight[1.0]) == (0.5, 1.0)
    assert found[0].value == 1.0


def test_settings_are_named_in_words():
    other = fusion_of({"method": FusionMethod.RRF, "text_weight": 0.3, "rrf_k": 10, "k1": 0.9}, DEFAULT_FUSION)

    assert other == Fusion(FusionMethod.RRF, 0.3, 10, bm25=replace(DEFAULT_FUSION.bm25, k1=0.9))
    assert describe(other, DEFAULT_FUSION) == "rrf, text weight 0.3, rrf k 10, k1 0.9"


def run_tune(*args):
    out = StringIO()
    call_command("tune", "--dataset", "faq", *args, stdout=out)
    return out.getvalue()


def test_it_reports_on_the_split_that_it_did_not_choose_by(dataset):
    said = json.loads(run_tune("--json", "-"))

    assert said["chosen_by"]["mrr"]["difference"]["n"] == 2
    assert said["reported"]["mrr"]["difference"]["n"] == 2
    assert set(said["reported"]) == {"hit_rate", "mrr", "ndcg"}
    assert len(said["trials"]) == 63
    assert said["saved"] is None


def test_the_threshold_refuses_hardly_any_question_that_is_answered(dataset):
    threshold = json.loads(run_tune("--json", "-"))["threshold"]

    assert (threshold["n_answerable"], threshold["n_unanswerable"]) == (2, 10)
    assert threshold["after"]["answerable"] <= 0.01
    assert threshold["after"]["unanswerable"] == 1.0
    assert threshold["after"]["threshold"] > 0.33


def test_the_threshold_is_left_alone_where_too_little_tells(dataset):
    dataset.items.filter(is_answerable=False).first().delete()

    assert "Least similarity: not tuned" in run_tune()


def test_the_best_is_saved_as_a_new_version_and_not_made_the_default(dataset):
    said = run_tune("--save", "tuned")
    run_tune("--save", "tuned")

    first, second = PipelineConfig.objects.filter(name="tuned").order_by("version")
    assert (first.version, second.version, second.is_default) == (1, 2, False)
    assert first.min_similarity > 0.33
    assert first.description == "hybrid v1, tuned on faq, split dev."
    assert "Saved as tuned v1" in said


def test_nothing_is_saved_where_nothing_is_better(dataset):
    dataset.items.filter(is_answerable=False).delete()

    with pytest.raises(CommandError, match="nothing is saved"):
        run_tune("--save", "tuned")


def test_a_variant_that_no_config_may_be_is_refused(dataset):
    with pytest.raises(Exception, match="cannot be saved") as caught:
        save_variant(config=find_config("hybrid"), name="bad name", description="", text_weight=7.0)

    assert caught.value.code == "configuration"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--split", "test"], "proves nothing"),
        (["--config", "text"], "hybrid search alone has settings"),
        (["--measure", "beauty"], "choose one of hit_rate"),
        (["--split", "calibration"], "no questions in split calibration; it has: dev, test"),
        (["--trials", "0"], "allow 1 or more"),
        (["--save", "tuned", "--all-settings"], "no config can hold"),
    ],
)
def test_what_cannot_be_tuned_is_said(dataset, args, message):
    with pytest.raises(CommandError, match=message):
        run_tune(*args)
