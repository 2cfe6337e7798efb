"""What rests when the budget for everything is used up: judges that ask a model, and evaluations."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from chat.models import Budget, ModelPrice
from chat.rag.config import Provider
from chat.services.spending import recount
from monitoring.evaluation import runner, runs
from monitoring.exceptions import EvaluationError
from monitoring.judging.worker import work_on_due
from monitoring.models import JudgeRule, Score
from tests.factories import make_call, make_config, make_dataset, make_item, make_turn
from tests.fakes import FakeLLM, Reply
from tests.judged import VERDICT, make_finished, make_rule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake_llm(settings):
    JudgeRule.objects.all().delete()  # those that a migration makes
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        fake.script = lambda request: Reply(VERDICT)
        yield fake


@pytest.fixture
def budget(fake_llm):
    """A budget of one dollar for everything, of which two are spent."""
    budget = Budget.objects.create(scope="EVERYTHING", monthly_usd=1)
    make_call(turn=make_turn(), cost_usd=Decimal("2"))
    recount(budget)
    return budget


def raise_limit(budget: Budget) -> None:
    Budget.objects.filter(pk=budget.pk).update(monthly_usd=100)


def test_judges_that_ask_a_model_rest_and_others_go_on(budget, fake_llm):
    make_rule()
    make_rule(judge="groundedness_offline", model="")
    make_finished()

    work_on_due(time.monotonic() + 20)

    assert list(Score.objects.values_list("name", flat=True)) == ["groundedness"]
    assert fake_llm.chat_requests == []
    raise_limit(budget)
    work_on_due(time.monotonic() + 20)
    assert Score.objects.filter(name="relevance").count() == 1


def test_a_judge_whose_model_is_free_goes_on(budget, fake_llm):
    ModelPrice.objects.create(
        model="fake/judge",
        input_usd_per_million=0,
        output_usd_per_million=0,
        valid_from=timezone.now() - timedelta(days=1),
    )
    make_rule()
    make_finished()

    work_on_due(time.monotonic() + 20)

    assert Score.objects.filter(name="relevance").count() == 1


def test_an_evaluation_run_is_not_started(budget):
    item = make_item()

    with pytest.raises(EvaluationError, match=r"The budget of this site for this month is used up\."):
        runs.start_run(dataset=item.dataset, config=make_config(model="fake/default"), kind="ANSWER", enqueue=False)


def test_a_run_that_goes_on_stops_with_the_reason_and_can_be_resumed(budget, fake_llm):
    dataset = make_dataset()
    make_item(dataset=dataset)
    raise_limit(budget)
    config = make_config(model="fake/default", min_similarity=-1.0)
    run = runs.start_run(dataset=dataset, config=config, kind="ANSWER", enqueue=False)
    Budget.objects.update(monthly_usd=1)

    assert runner.work_on(run.pk) == "FAILED"

    run.refresh_from_db()
    assert run.error.startswith("The budget of this site for this month is used up.")
    assert fake_llm.chat_requests == []
    raise_limit(budget)
    runs.resume_run(run=run, enqueue=False)
    assert runner.work_on(run.pk) == "DONE"


def test_a_search_by_the_local_embedder_goes_on(budget):
    item = make_item()

    run = runs.start_run(
        dataset=item.dataset, config=make_config(model="fake/default"), kind="RETRIEVAL", enqueue=False
    )

    assert runner.work_on(run.pk) == "DONE"
