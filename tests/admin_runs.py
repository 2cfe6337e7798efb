"""Runs of evaluations, and the addresses of their pages in the admin."""

from django.contrib.auth.models import Group
from django.urls import reverse

from monitoring.models import EvaluationRun
from tests.factories import make_document, make_evaluation_item, make_item, make_run, make_user

LIST = "admin:monitoring_evaluationrun_changelist"

ADD = "admin:monitoring_evaluationrun_add"


def member(group: str):
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def page_of(name: str, *arguments: int) -> str:
    return reverse(f"admin:monitoring_evaluationrun_{name}", args=arguments)


def measured_run(values=(1.0, 0.5, 0.0), **overrides) -> EvaluationRun:
    """Return a finished run with an item for each value, whose reciprocal rank it is."""
    run = make_run(total_items=len(values), done_items=len(values), duration_seconds=2.5, **overrides)
    for value in values:
        item = make_item(dataset=run.dataset, relevant=[make_document()], split=run.split)
        scores = {"hit_rate": value and float(value > 0), "mrr": value, "ndcg": value}
        make_evaluation_item(scores, run=run, item=item, **ranking(item, value))
    return run


def ranking(item, value: float | None):
    """Return a ranking whose first relevant hit gives that reciprocal rank."""
    document = item.relevant.get().document
    other = make_document(texts=("Something else.",))
    place = round(1 / value) if value else 0
    found = [document if rank == place else other for rank in range(1, 4)]
    return {
        "chunk_ids": [one.chunks.get().pk for one in found],
        "document_ids": [one.pk for one in found],
        "hit_scores": [0.9, 0.8, 0.7],
        "chunk_grades": [int(one == document) for one in found],
    }
