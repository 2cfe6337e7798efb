"""Runs side by side: paired by item, with interval, test, noise floor and the questions that were won and lost."""

import numpy as np
import pytest

from monitoring.evaluation.comparison import compare_runs
from monitoring.evaluation.export import comparison_as_dict
from monitoring.evaluation.tables import comparison_rows
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationItem, ItemScore
from tests.factories import make_config, make_dataset, make_evaluation_item, make_item, make_run

pytestmark = pytest.mark.django_db

ITEMS = 40


@pytest.fixture
def dataset():
    """Forty questions, each about another document."""
    dataset = make_dataset()
    for _ in range(ITEMS):
        make_item(dataset=dataset)
    return dataset


def scored(dataset, values, *, repeat=1, **overrides):
    """Return a run with these values of MRR, one an item in each repetition; None: unscored."""
    run = make_run(dataset=dataset, repeat=repeat, **overrides)
    fill(run, values)
    return run


def fill(run, values):
    values = np.atleast_2d(np.array(values, object))
    items = list(run.dataset.items.order_by("pk"))
    rows = EvaluationItem.objects.bulk_create(
        EvaluationItem(run=run, item=item, repetition=repetition)
        for repetition in range(1, len(values) + 1)
        for item in items[: values.shape[1]]
    )
    ItemScore.objects.bulk_create(
        ItemScore(evaluation_item=row, name="mrr", value=value, error="" if value is not None else "no verdict")
        for row, value in zip(rows, values.ravel(), strict=True)
    )


def test_a_better_run_is_better_and_its_lost_questions_are_listed(dataset):
    baseline = scored(dataset, [0.5] * ITEMS)
    candidate = scored(dataset, [1.0] * (ITEMS - 2) + [0.25, 0.0])

    (found,) = compare_runs([baseline, candidate]).candidates

    mrr = found.measures["mrr"]
    assert (mrr.outcome, mrr.paired.won, mrr.paired.lost) == ("better", 38, 2)
    assert mrr.paired.difference.low > 0
    assert [(change.baseline, change.candidate) for change in found.lost] == [(0.5, 0.0), (0.5, 0.25)]
    assert found.lost[0].question == dataset.items.latest("pk").question
    assert (len(found.won), found.main_measure, found.common_items) == (38, "mrr", ITEMS)


def test_only_common_items_are_compared(dataset):
    baseline = scored(dataset, [0.5] * ITEMS)
    candidate = scored(dataset, [0.5] * 9 + [None])

    (found,) = compare_runs([baseline, candidate]).candidates

    assert found.common_items == 10
    assert (found.measures["mrr"].paired.difference.n, found.measures["mrr"].paired.difference.unscored) == (9, 1)


def test_the_same_config_is_no_difference_in_95_of_100(dataset):
    """Answers of a model vary: the same config twice, a hundred times over, on questions of unlike difficulty."""
    dice = np.random.default_rng(7)
    difficulty = dice.uniform(0.2, 0.9, ITEMS)
    baseline, candidate = (make_run(dataset=dataset) for _ in range(2))
    outcomes = []
    for _ in range(100):
        for run in (baseline, candidate):
            EvaluationItem.objects.filter(run=run).delete()
            fill(run, (dice.uniform(size=ITEMS) < difficulty).astype(float).tolist())
        (found,) = compare_runs([baseline, candidate], max_changes=0).candidates
        outcomes.append(found.measures["mrr"].outcome)

    assert outcomes.count("no difference") >= 95


def test_a_difference_below_the_noise_of_repetition_is_none(dataset):
    baseline = scored(dataset, [[0.4] * ITEMS, [0.6] * ITEMS], repeat=2)
    candidate = scored(dataset, [[0.41, 0.42] * (ITEMS // 2), [0.61, 0.62] * (ITEMS // 2)], repeat=2)

    (found,) = compare_runs([baseline, candidate]).candidates

    mrr = found.measures["mrr"]
    assert mrr.paired.won == ITEMS
    assert mrr.noise_floor > mrr.paired.difference.value > 0.01
    assert mrr.outcome == "no difference"
    assert "repeating one config" in mrr.reason


def test_the_noise_of_one_repeated_run_stands_for_both(dataset):
    repeated = scored(dataset, [[0.4] * ITEMS, [0.6] * ITEMS], repeat=2)
    once = scored(dataset, [0.5] * ITEMS)

    (found,) = compare_runs([once, repeated]).candidates
    (both,) = compare_runs([scored(dataset, [[0.4] * ITEMS, [0.6] * ITEMS], repeat=2), repeated]).candidates

    assert found.measures["mrr"].noise_floor > both.measures["mrr"].noise_floor > 0


def test_without_repetition_the_noise_is_not_known(dataset):
    runs = [scored(dataset, [0.5] * ITEMS) for _ in range(2)]

    (found,) = compare_runs(runs).candidates

    assert found.measures["mrr"].noise_floor is None
    assert comparison_rows(found.measures)[1][-2:] == ["not measured", "no difference"]


def test_more_measures_are_compared_when_asked_for(dataset):
    row = make_evaluation_item({"mrr": 1.0, "recall": 1.0, "groundedness": 0.5})
    other = make_run(dataset=row.run.dataset)
    make_evaluation_item({"mrr": 0.5, "recall": 1.0, "groundedness": 0.5}, run=other, item=row.item)

    (usual,) = compare_runs([row.run, other]).candidates
    (asked,) = compare_runs([row.run, other], measures=["recall"]).candidates

    assert list(usual.measures) == ["mrr", "groundedness"]
    assert list(asked.measures) == ["recall"]
    with pytest.raises(EvaluationError, match="has no beauty"):
        compare_runs([row.run, other], measures=["beauty"])


def test_verdicts_of_different_judges_are_not_compared(dataset):
    first = make_evaluation_item({"mrr": 1.0, "answer_correctness": 1.0, "groundedness": 1.0})
    first.run.judge_model = "fake/one"
    other = make_run(dataset=first.run.dataset, judge_model="fake/two")
    make_evaluation_item({"mrr": 0.5, "answer_correctness": 0.0, "groundedness": 0.5}, run=other, item=first.item)

    (found,) = compare_runs([first.run, other]).candidates

    assert list(found.measures) == ["mrr", "groundedness"]
    assert "by fake/one in run" in found.left_out["answer_correctness"]

    ItemScore.objects.filter(evaluation_item__run=other, name="groundedness").update(judge_version="2")
    (found,) = compare_runs([first.run, other]).candidates

    assert list(found.measures) == ["mrr"]


def test_json_says_what_was_found(dataset):
    baseline, candidate = scored(dataset, [0.5] * ITEMS), scored(dataset, [1.0] * ITEMS)

    (found,) = compare_runs([baseline, candidate]).candidates
    figures = comparison_as_dict(found, baseline)

    mrr = figures["measures"]["mrr"]
    assert (mrr["difference"]["value"], mrr["difference"]["n"], mrr["outcome"]) == (0.5, ITEMS, "better")
    assert (mrr["won"], mrr["lost"], mrr["tied"], mrr["noise_floor"]) == (ITEMS, 0, 0, None)
    assert figures["baseline_run"] == baseline.pk


def test_what_cannot_be_compared_is_said(dataset):
    run, config = scored(dataset, [0.5]), make_config()

    for runs, message in [
        ([run], "two runs or more"),
        ([run, run], "with itself"),
        ([run, make_run(config=config)], "different datasets"),
        ([run, make_run(dataset=dataset, config=config, k=10)], "different cutoffs"),
        (
            [run, make_run(dataset=dataset, config=config, version=2)],
            "on the test split of version 2: they did not get",
        ),
        ([run, make_run(dataset=dataset, config=config, split="ALL")], "on all splits of version 1: they did not get"),
    ]:
        with pytest.raises(EvaluationError, match=message):
            compare_runs(runs)
