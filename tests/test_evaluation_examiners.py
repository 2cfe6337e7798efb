"""Answer runs with examiners and judges: what they see, what they say and what it costs."""

from decimal import Decimal

import pytest

from chat.models import LLMCall, PipelineConfig, Turn
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Provider, Purpose
from chat.services.configs import find_config
from monitoring.evaluation import runner, runs
from monitoring.evaluation.answers import Answering
from monitoring.evaluation.examination import Examination
from monitoring.evaluation.lease import claim
from monitoring.evaluation.measures.base import Measurement
from monitoring.evaluation.report import summarise
from monitoring.evaluation.working import Working
from monitoring.models import EvaluationRun, ItemScore
from tests.answer_runs import scores, start, three_questions
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def config(fake_llm):
    make_knowledge()
    PipelineConfig.objects.update(model="fake/default", min_similarity=-1)
    return find_config("hybrid")


@pytest.fixture
def dataset(config):
    return three_questions()


class Praise:
    """An examiner that finds each answer good and says what it would have paid."""

    names = ("praise",)

    def __init__(self):
        self.examined = []

    async def examine(self, answered):
        self.examined.append(answered)
        call = CallData(Purpose.JUDGE, "fake/judge", "praise_v1", "0" * 64, 1.0, cost_usd=Decimal("0.5"))
        return Examination({"praise": Measurement(1.0, label="good")}, [call], version="7")


def test_examiners_see_the_answer_and_their_calls_are_counted(dataset, config, fake_llm):
    fake_llm.enqueue(*["Press the green button [1]."] * 3)
    run, examiner = start(dataset, config), Praise()
    lease = claim(run.pk)
    answering = Answering(run, lease, Working(), [examiner])

    assert answering.work_off(answering.pieces())

    run.refresh_from_db()
    assert scores(run, "praise") == [(1.0, "")] * 3
    assert set(ItemScore.objects.filter(name="praise").values_list("judge_version", flat=True)) == {"7"}
    assert run.cost_usd == Decimal("1.5")
    assert run.done_items == 3
    assert {answered.answer for answered in examiner.examined} == {"Press the green button [1]."}
    assert all(answered.sources[0].text for answered in examiner.examined)
    assert LLMCall.objects.filter(purpose="judge", turn__evaluation_item__run=run).count() == 3


def test_an_answer_without_its_examination_is_examined_and_not_asked_again(dataset, config, fake_llm):
    run = start(dataset, config)
    runner.work_on(run.pk)
    EvaluationRun.objects.update(status="QUEUED")
    examiner = Praise()
    lease = claim(run.pk)
    answering = Answering(run, lease, Working(), [examiner])

    answering.work_off(answering.pieces())

    run.refresh_from_db()
    assert len(fake_llm.chat_requests) == 3
    assert (len(examiner.examined), run.done_items) == (3, 3)
    assert Answering(run, lease, Working(), [examiner]).pieces() == []


def test_nothing_is_said_of_an_answer_that_is_gone(dataset, config, fake_llm):
    run = start(dataset, config, item_limit=1)
    runner.work_on(run.pk)
    Turn.objects.all().delete()
    EvaluationRun.objects.update(status="QUEUED")
    answering = Answering(run, claim(run.pk), Working(), [Praise()])

    answering.work_off(answering.pieces())

    assert scores(run, "praise") == [(None, "The answer is gone.")]


def test_judges_have_their_say(dataset, config, fake_llm):
    verdict = '{"reasoning": "It says so.", "label": "good"}'
    fake_llm.enqueue("Press the green button for three seconds to start the pump [1].", verdict, verdict)
    run = start(dataset, config, judge_model="fake/default", item_limit=1)

    assert runner.work_on(run.pk) == "DONE"

    assert scores(run, "groundedness_offline") == [(1.0, "")]
    assert scores(run, "answer_correctness") == [(1.0, "")]
    relevance = ItemScore.objects.get(name="relevance")
    assert relevance.value is None  # "good" is none of its labels
    assert relevance.error
    assert relevance.judge_version == "1"
    calls = LLMCall.objects.filter(turn__evaluation_item__run=run)
    assert sorted(calls.values_list("purpose", flat=True)) == ["answer", "judge", "judge"]


def test_a_judge_that_failed_is_asked_again_by_resume(dataset, config, fake_llm):
    run = start(dataset, config, judge_model="fake/http-500x2", item_limit=1)
    assert runner.work_on(run.pk) == "DONE"
    reasons = summarise(run).measures["answer_correctness"].reasons
    assert [reason.startswith("The judge's model failed") for reason in reasons] == [True]
    answers = Turn.objects.count()

    runs.resume_run(run=run, enqueue=False)
    assert runner.work_on(run.pk) == "DONE"

    assert Turn.objects.count() == answers
    assert not ItemScore.objects.filter(label="try again").exists()
