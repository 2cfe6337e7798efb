"""`manage.py gate`: open, closed, or unable to judge; missing results are never a pass."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.models import Document
from monitoring.evaluation.gate import MissingResultsError, markdown, rule
from monitoring.exceptions import EvaluationError
from monitoring.judges.registry import JUDGES
from monitoring.judges.versions import current_version
from monitoring.models import EvaluationItem, EvaluationRun, ItemScore
from tests.factories import make_dataset, make_evaluation_item, make_item, make_run
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def runs():
    """A baseline and a candidate on six questions: the candidate wins one of them and loses one by more."""
    dataset = make_dataset(name="faq")
    baseline, candidate = make_run(dataset=dataset), make_run(dataset=dataset)
    for before, after in [(0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 0.38)]:
        item = make_item(dataset=dataset)
        make_evaluation_item({"mrr": before, "hit_rate": 1.0}, run=baseline, item=item)
        make_evaluation_item({"mrr": after, "hit_rate": 1.0}, run=candidate, item=item)
    return baseline, candidate


def test_the_estimate_decides(runs):
    passed = rule(*runs, {"mrr": -0.03})
    failed = rule(*runs, {"mrr": -0.01})

    assert passed.passed
    assert not failed.passed
    assert failed.rulings[0].reason == "the difference is below the minimum"


def test_one_measure_that_fails_closes_the_gate(runs):
    report = rule(*runs, {"hit_rate": 0.0, "mrr": 0.0})

    assert [ruling.passed for ruling in report.rulings] == [True, False]
    assert not report.passed


def test_the_whole_interval_asks_for_more(runs):
    assert not rule(*runs, {"mrr": -0.03}, whole_interval=True).passed
    assert rule(*runs, {"mrr": -0.9}, whole_interval=True).passed


def test_the_report_names_figures_and_lost_questions(runs):
    text = markdown(rule(*runs, {"mrr": -0.01}))

    assert "# Gate: failed" in text
    assert "| mrr | -0.020 [" in text
    assert "| -0.01 | failed | the difference is below the minimum |" in text
    assert f"| {runs[0].dataset.items.latest('pk').question} | 1.000 | 0.380 |" in text


def unfinished(baseline, candidate):
    candidate.status = "CANCELLED"


def failed_item(baseline, candidate):
    EvaluationItem.objects.filter(pk=candidate.items.latest("pk").pk).update(error="The model failed.")


def unscored_in_one(baseline, candidate):
    ItemScore.objects.filter(evaluation_item=candidate.items.latest("pk"), name="mrr").update(value=None, error="gone")


def missing_item(baseline, candidate):
    candidate.items.latest("pk").delete()


def missing_measure(baseline, candidate):
    ItemScore.objects.filter(evaluation_item__run=candidate, name="mrr").delete()


def all_unscored(baseline, candidate):
    ItemScore.objects.filter(name="mrr").update(value=None, error="gone")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (unfinished, "is cancelled, not done"),
        (failed_item, "1 of 0 items"),
        (unscored_in_one, "1 items are scored"),
        (missing_item, "1 items are scored"),
        (missing_measure, 'no measure "mrr"'),
        (all_unscored, "No item is scored"),
    ],
)
def test_missing_results_are_no_pass(runs, harm, message):
    harm(*runs)

    with pytest.raises(MissingResultsError, match=message):
        rule(*runs, {"mrr": -1.0})


@pytest.fixture
def dataset():
    make_knowledge()
    dataset = make_dataset(name="faq")
    for name, question in [("pump.md", "How is the pump started?"), ("valve.md", "How is the valve opened?")]:
        make_item([Document.objects.get(source_id=name)], dataset=dataset, question=question)
    return dataset


def gate(*args):
    out = StringIO()
    call_command("gate", "--dataset", "faq", *args, stdout=out)
    return out.getvalue()


def test_a_config_against_itself_passes_and_writes_its_report(dataset, tmp_path):
    path = tmp_path / "report.md"

    said = gate("--baseline", "text", "--candidate", "text", "--min", "mrr=-0.01", "--report", str(path))

    assert "The gate is open." in said
    assert "# Gate: passed" in path.read_text()
    assert EvaluationRun.objects.count() == 2


def test_a_difference_below_the_minimum_ends_with_1(dataset):
    with pytest.raises(CommandError, match="closed") as caught:
        gate("--baseline", "text", "--candidate", "vector", "--min", "mrr=0.5", "--min", "hit_rate=-1")

    assert caught.value.returncode == 1


def test_finished_runs_are_reused_and_only_missing_ones_made(dataset):
    call_command("evaluate", "--dataset", "faq", "--config", "text", stdout=StringIO())

    gate("--baseline", "text", "--candidate", "vector", "--min", "mrr=-1", "--reuse")
    gate("--baseline", "text", "--candidate", "vector", "--min", "mrr=-1", "--reuse")

    assert [run.config.name for run in EvaluationRun.objects.order_by("pk")] == ["text", "vector"]


def test_runs_on_other_questions_are_not_judged(dataset):
    call_command("evaluate", "--dataset", "faq", "--config", "text", "--config", "vector", stdout=StringIO())
    EvaluationRun.objects.filter(config__name="vector").update(version=2)
    baseline, candidate = EvaluationRun.objects.select_related("config", "dataset").order_by("pk")

    with pytest.raises(EvaluationError, match="did not get the same questions"):
        rule(baseline, candidate, {"mrr": -1.0})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--baseline", "text", "--candidate", "none", "--min", "mrr=0"], "Cannot judge: There is no pipeline config"),
        (["--baseline", "text", "--candidate", "text", "--min", "beauty=0"], 'Cannot judge: .*no measure "beauty"'),
        (["--baseline", "text", "--candidate", "text", "--min", "mrr=0", "--split", "dev"], "no items in split dev"),
    ],
)
def test_what_cannot_be_judged_ends_with_2(dataset, args, message):
    with pytest.raises(CommandError, match=message) as caught:
        gate(*args)

    assert caught.value.returncode == 2


@pytest.mark.parametrize("text", ["mrr", "mrr=low", "=0.1", "mrr=7", "mrr=nan"])
def test_a_minimum_that_is_none_is_refused(dataset, text):
    with pytest.raises(CommandError, match=r"such as mrr=-0\.01"):
        gate("--baseline", "text", "--candidate", "text", "--min", text)


def judged(runs, before, after):
    for run, value in zip(runs, (before, after), strict=True):
        EvaluationRun.objects.filter(pk=run.pk).update(judge_model="fake/judge")
        run.refresh_from_db()
        for row in run.items.all():
            row.scores.create(name="answer_correctness", value=value, label="good", judge_version="1")


def test_a_judge_that_is_not_proven_closes_no_gate(runs):
    judged(runs, 1.0, 0.0)

    report = rule(*runs, {"mrr": -0.03, "answer_correctness": 0.0})

    assert report.passed
    assert [ruling.word for ruling in report.rulings] == ["passed", "advice only"]
    assert "| advice only | the difference is below the minimum |" in markdown(report)


def test_a_gate_that_asks_unproven_judges_only_cannot_judge(runs):
    judged(runs, 0.0, 1.0)

    with pytest.raises(MissingResultsError, match="not proven against people"):
        rule(*runs, {"answer_correctness": 0.0})


def test_a_proven_judge_closes_the_gate(runs):
    judged(runs, 1.0, 0.0)
    version = current_version(JUDGES["answer_correctness"], "fake/judge")
    type(version).objects.filter(pk=version.pk).update(standing="PROVEN")

    assert not rule(*runs, {"mrr": -0.03, "answer_correctness": 0.0}).passed
