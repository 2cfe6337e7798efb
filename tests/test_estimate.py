"""How large evaluation runs would be, before they are started."""

from decimal import Decimal

import pytest

from chat.models import LLMCall
from monitoring.evaluation.estimate import estimate_runs
from monitoring.models import EvaluationRun
from tests.factories import make_call, make_config, make_dataset, make_embedder, make_item, make_turn

pytestmark = pytest.mark.django_db

ANSWER, RETRIEVAL = EvaluationRun.Kind.ANSWER, EvaluationRun.Kind.RETRIEVAL
MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def dataset():
    dataset = make_dataset()
    for _ in range(4):
        make_item(dataset=dataset)
    make_item(dataset=dataset, split="DEV")
    return dataset


def _estimate(dataset, *configs, **options):
    return estimate_runs(
        **{"dataset": dataset, "version": 1, "split": "TEST", "configs": configs, "kind": ANSWER, **options}
    )


def test_retrieval_by_the_local_embedder_is_free(dataset):
    estimate = _estimate(dataset, make_config(model=MODEL), make_config(), kind=RETRIEVAL, repeat=3)

    assert (estimate.items, estimate.asked, estimate.cost_usd) == (4, 24, 0)


def test_retrieval_by_a_server_costs_nobody_knows_what(dataset):
    config = make_config(embedder=make_embedder(name="openai/text-embedding-3-small", dimensions=1536))

    estimate = _estimate(dataset, config, kind=RETRIEVAL)

    assert (estimate.cost_usd, estimate.unknown) == (None, ("openai/text-embedding-3-small",))


def test_answers_cost_what_earlier_turns_of_the_model_cost_on_the_mean(dataset):
    make_turn(model=MODEL, cost_usd=Decimal("0.01"))
    make_turn(model=MODEL, cost_usd=Decimal("0.03"))
    make_turn(model=MODEL, cost_usd=None)
    make_turn(model="other/model", cost_usd=Decimal(7))

    assert _estimate(dataset, make_config(model=MODEL), item_limit=3).cost_usd == Decimal("0.06")


def test_model_without_a_known_price_is_unknown_not_free(dataset):
    make_turn(model=MODEL, cost_usd=None)

    estimate = _estimate(dataset, make_config(model=MODEL), make_config())

    assert (estimate.asked, estimate.cost_usd, estimate.unknown) == (8, None, (MODEL,))


def test_judge_costs_what_its_verdicts_on_a_turn_cost_together(dataset):
    turn = make_turn()
    for _ in range(2):
        make_call(turn=turn, model=MODEL, purpose=LLMCall.CallPurpose.JUDGE, cost_usd=Decimal("0.001"))
    make_call(turn=make_turn(), model=MODEL, purpose=LLMCall.CallPurpose.JUDGE, cost_usd=Decimal("0.004"))

    assert _estimate(dataset, make_config(), judge_model=MODEL).cost_usd == Decimal("0.012")
    assert _estimate(dataset, make_config(), judge_model="other/judge").unknown == ("other/judge",)


def test_asking_back_counts_as_answering_twice(dataset):
    make_turn(model=MODEL, cost_usd=Decimal("0.01"))

    assert _estimate(dataset, make_config(model=MODEL), round_trip=True).cost_usd == Decimal("0.08")


def test_split_without_items_is_nothing_to_ask(dataset):
    estimate = _estimate(dataset, make_config(), split="CALIBRATION")

    assert (estimate.items, estimate.asked, estimate.cost_usd) == (0, 0, 0)
