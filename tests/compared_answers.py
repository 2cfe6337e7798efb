"""Runs with answers that people can compare."""

from collections.abc import Sequence

from monitoring.experiments.comparing import create_comparison
from monitoring.models import Comparison, EvaluationRun
from tests.factories import (
    make_config,
    make_conversation,
    make_dataset,
    make_evaluation_item,
    make_item,
    make_run,
    make_turn,
)


def answered_runs(*answers: Sequence[str]) -> list[EvaluationRun]:
    """Return a run for each list of answers to the same questions; an empty answer is one that is forgotten."""
    dataset = make_dataset()
    items = [make_item(dataset=dataset, question=f"Question {number}?") for number in range(len(answers[0]))]
    conversation = make_conversation(origin="EVALUATION")
    runs = []
    for of_run in answers:
        config = make_config()
        run = make_run(dataset=dataset, config=config, kind="ANSWER", total_items=len(items), done_items=len(items))
        for item, answer in zip(items, of_run, strict=True):
            turn = make_turn(conversation=conversation, question=item.question, answer=answer, config=config)
            make_evaluation_item(run=run, item=item, turn=turn)
        runs.append(run)
    return runs


def make_comparison(*answers: Sequence[str], **values) -> Comparison:
    """Return a comparison of runs with these answers."""
    runs = answered_runs(*(answers or (["One.", "Two."], ["Uno.", "Due."])))
    return create_comparison(**{"name": f"Comparison {Comparison.objects.count() + 1}", "runs": runs, **values})
