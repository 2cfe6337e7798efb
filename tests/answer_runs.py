"""Answer runs for tests, and what they said."""

from typing import Any

from chat.models import Document
from monitoring.evaluation import runs
from monitoring.models import Dataset, EvaluationRun, ItemScore
from tests.factories import make_dataset, make_item


def three_questions() -> Dataset:
    """Return a dataset of three questions about the manuals (tests/knowledge.py)."""
    dataset = make_dataset()
    for name, question, expected in [
        ("pump.md", "How is the pump started?", "Press the green button for three seconds."),
        ("pump.md", "How often is the filter cleaned?", "Every four weeks."),
        ("valve.md", "How is the valve opened?", "Turn the wheel to the left."),
    ]:
        document = Document.objects.get(source_id=name)
        make_item([document], dataset=dataset, question=question, expected_answer=expected)
    return dataset


def start(dataset: Any, config: Any, **overrides: Any) -> EvaluationRun:
    """Start an answer run that the test works on itself."""
    values = {"dataset": dataset, "config": config, "kind": "ANSWER", "enqueue": False, **overrides}
    return runs.start_run(**values)


def scores(run: EvaluationRun, name: str) -> list[tuple[float | None, str]]:
    """Return (value, error) of each item by one measure."""
    return list(ItemScore.objects.filter(evaluation_item__run=run, name=name).values_list("value", "error"))
