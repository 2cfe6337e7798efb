"""`manage.py evaluate` on the terminal: table, JSON, what is refused, and going on."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.models import Document
from monitoring.models import EvaluationRun
from tests.factories import make_dataset, make_item
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dataset():
    make_knowledge()
    dataset = make_dataset(name="faq")
    for name, question in [
        ("pump.md", "How is the pump started?"),
        ("valve.md", "How is the valve opened?"),
        ("valve.md", "When does the valve close?"),
    ]:
        make_item([Document.objects.get(source_id=name)], dataset=dataset, question=question)
    return dataset


def evaluate(*args, **options):
    out = StringIO()
    call_command("evaluate", *args, stdout=out, **options)
    return out.getvalue()


def test_one_object_a_config_in_json(dataset, tmp_path):
    path = tmp_path / "figures.json"

    evaluate("--dataset", "faq", "--config", "hybrid", "--config", "text", "--json", str(path))

    hybrid, text = json.loads(path.read_text())
    assert (hybrid["config"], text["config"]) == ("hybrid v1", "text v1")
    assert (hybrid["split"], hybrid["k"], hybrid["items"]) == ("test", 5, 3)
    for measure in ("hit_rate", "mrr", "ndcg"):
        assert set(hybrid[measure]) == {"value", "low", "high", "n"}
        assert hybrid[measure]["n"] == 3
        assert hybrid[measure]["low"] < hybrid[measure]["value"] <= hybrid[measure]["high"]
    assert hybrid["seconds"] > 0
    assert hybrid["unscored"]["mrr"] == 0


def test_json_on_stdout_is_json_alone(dataset):
    figures = json.loads(evaluate("--dataset", "faq", "--config", "text", "--json", "-"))

    assert [run["name"] for run in figures] == ["text"]


def test_the_table_shows_configs_beside_each_other(dataset):
    table = evaluate("--dataset", "faq", "--config", "text", "--config", "vector_v1", "--k", "3", "--split", "all")

    assert "Dataset faq version 1, split all, k = 3, 3 questions" in table
    assert "text v1" in table and "vector v1" in table
    assert "1.000 [" in table


def test_a_stopped_run_goes_on_by_its_number(dataset):
    evaluate("--dataset", "faq", "--config", "text", "--limit", "1")
    run = EvaluationRun.objects.get()
    EvaluationRun.objects.update(item_limit=None, total_items=3, status="CANCELLED")

    table = evaluate("--resume", str(run.pk))

    run.refresh_from_db()
    assert (run.status, run.done_items) == ("DONE", 3)
    assert "3 questions" in table


def test_runs_on_other_questions_are_not_compared_and_it_says_so(dataset):
    evaluate("--dataset", "faq", "--config", "text", "--config", "vector")
    first, second = EvaluationRun.objects.order_by("pk")
    EvaluationRun.objects.update(status="CANCELLED")
    EvaluationRun.objects.filter(pk=second.pk).update(split="ALL")
    err = StringIO()

    table = evaluate("--resume", str(first.pk), "--resume", str(second.pk), stderr=err)

    assert "against" not in table
    assert f"Not compared: Run {first.pk} is on the test split of version 1, run {second.pk} on all" in err.getvalue()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--config", "text"], "Say --dataset NAME and --config NAME"),
        (["--dataset", "faq"], "Say --dataset NAME and --config NAME"),
        (["--dataset", "nothing", "--config", "text"], 'no dataset "nothing". There are: faq'),
        (["--dataset", "faq", "--config", "nothing"], 'no pipeline config "nothing"'),
        (["--dataset", "faq", "--config", "text", "--version", "9"], "no version 9"),
        (["--dataset", "faq", "--config", "text", "--split", "dev"], "no items in split dev"),
        (["--dataset", "faq", "--config", "text", "--judge", "fake/judge"], "--answers"),
        (["--resume", "99"], "There is no run 99"),
    ],
)
def test_what_cannot_be_done_is_said(dataset, args, message):
    with pytest.raises(CommandError, match=message):
        evaluate(*args)


def test_a_finished_run_has_nothing_to_resume(dataset):
    evaluate("--dataset", "faq", "--config", "text")

    with pytest.raises(CommandError, match="nothing is left to do"):
        evaluate("--resume", str(EvaluationRun.objects.get().pk))
