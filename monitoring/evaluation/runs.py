"""Starting, cancelling and resuming evaluation runs: rows that a process works off (see runner.py)."""

import time
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.tasks import async_task

from chat.models import Chunk, PipelineConfig
from chat.services.configs import check_model_name
from monitoring.evaluation.budget import check_budget
from monitoring.evaluation.examination import TRY_AGAIN
from monitoring.evaluation.lease import SILENT_AFTER
from monitoring.evaluation.questions import items_of
from monitoring.exceptions import EvaluationError
from monitoring.models import Dataset, DatasetItem, EvaluationRun, ItemScore
from monitoring.webhooks.telling import tell_run

TASK = "monitoring.tasks.run_evaluation"
MAX_K = 50
# A run whose process died so often without getting further is not taken up again by itself.
MAX_STARTS = 5
# A run that waits so long was lost by the queue.
WAITS_AT_MOST = timedelta(minutes=10)

Status = EvaluationRun.Status


def start_run(
    *,
    dataset: Dataset,
    config: PipelineConfig,
    split: str = DatasetItem.Split.TEST,
    version: int | None = None,
    kind: str = EvaluationRun.Kind.RETRIEVAL,
    k: int = 5,
    repeat: int = 1,
    item_limit: int | None = None,
    judge_model: str = "",
    round_trip: bool = False,
    user: Any = None,
    enqueue: bool = True,
) -> EvaluationRun:
    """Make a run of `config` on a split of a dataset (EvaluationRun.ALL_SPLITS: all of it); `version`: the newest.

    With `enqueue` the worker takes it up; without, the caller does. Raises EvaluationError for what cannot be run.
    """
    if not 1 <= k <= MAX_K:
        raise EvaluationError(f"The cutoff k is {k}; it has to be 1 to {MAX_K}.")
    if repeat < 1:
        raise EvaluationError(f"Each question is put {repeat} times; it has to be once or more.")
    if item_limit is not None and item_limit < 1:
        raise EvaluationError(f"A limit of {item_limit} items leaves none; it has to be 1 or more.")
    if kind == EvaluationRun.Kind.RETRIEVAL and (judge_model or round_trip):
        raise EvaluationError("Retrieval runs have no answers that could be judged; evaluate answers (--answers).")
    if judge_model:
        check_model_name(judge_model)
    if config.import_source:
        raise EvaluationError(f"{config} is how {config.import_source} answered: it cannot answer here.")
    run = EvaluationRun(
        dataset=dataset,
        version=newest_version(dataset, version),
        split=split,
        config=config,
        kind=kind,
        k=k,
        repeat=repeat,
        item_limit=item_limit,
        judge_model=judge_model,
        round_trip=round_trip,
        created_by=user,
        corpus_chunks=Chunk.objects.count(),
    )
    check_budget(run)
    count = items_of(run).count()
    if not count:
        raise EvaluationError(_nothing_there(run))
    run.total_items = count * repeat
    with transaction.atomic():
        run.save()
        if enqueue:
            transaction.on_commit(partial(async_task, TASK, run.pk))
    return run


def newest_finished(*, dataset: Dataset, **wanted: Any) -> EvaluationRun | None:
    """Return the newest finished run on all items of the dataset's newest version with these values, if any."""
    rows = EvaluationRun.objects.filter(
        dataset=dataset, version=newest_version(dataset), item_limit=None, status=Status.DONE, **wanted
    )
    return rows.order_by("-pk").first()


def find_dataset(name: str) -> Dataset:
    """Return a dataset by its name. Raises EvaluationError, which names those there are."""
    try:
        return Dataset.objects.get(name=name)
    except Dataset.DoesNotExist as error:
        known = ", ".join(Dataset.objects.values_list("name", flat=True)) or "none; run manage.py import_dataset first"
        raise EvaluationError(f'There is no dataset "{name}". There are: {known}.') from error


def cancel_run(*, run: EvaluationRun) -> None:
    """Ask for a run to be stopped; what is finished stays. One that nobody works on is cancelled at once."""
    now = timezone.now()
    idle = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    rows = EvaluationRun.objects.filter(pk=run.pk)
    with transaction.atomic():
        if rows.filter(idle).update(status=Status.CANCELLED, cancel_requested_at=now, finished_at=now, claim=None):
            tell_run(run.pk)
        else:
            rows.filter(status=Status.RUNNING).update(cancel_requested_at=now)
    run.refresh_from_db()


def resume_run(*, run: EvaluationRun, enqueue: bool = True) -> None:
    """Let a run go on where it was; items that failed are asked again, those that are finished are not.

    Raises EvaluationError where a process works on it, and where nothing is missing.
    """
    with transaction.atomic():
        run = EvaluationRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
        if run.status == Status.RUNNING and (run.heartbeat_at or run.created_at) > timezone.now() - SILENT_AFTER:
            raise EvaluationError(
                f"Run {run.pk} is being worked on: {run.done_items} of {run.total_items} items are finished."
                f" If its process was killed, try again in {SILENT_AFTER.total_seconds():.0f} s."
            )
        failed, _ = run.items.exclude(error="").delete()
        unsaid, _ = ItemScore.objects.filter(evaluation_item__run=run, value=None, label=TRY_AGAIN).delete()
        if run.status == Status.DONE and not failed and not unsaid:
            raise EvaluationError(f"Run {run.pk} is finished and none of its items failed: nothing is left to do.")
        EvaluationRun.objects.filter(pk=run.pk).update(
            status=Status.QUEUED,
            done_items=run.items.count(),
            error="",
            claim=None,
            starts=0,
            cancel_requested_at=None,
            heartbeat_at=timezone.now(),
            finished_at=None,
        )
        if enqueue:
            transaction.on_commit(partial(async_task, TASK, run.pk))


def wait_until_free(run: EvaluationRun) -> None:
    """Wait until the process that works on a run, if any, is known to be dead; return at once when it shows life."""
    seen = run.heartbeat_at
    while run.status == Status.RUNNING and seen and timezone.now() <= seen + SILENT_AFTER and run.heartbeat_at == seen:
        time.sleep(1)
        run.refresh_from_db(fields=["status", "heartbeat_at"])


def sweep_runs() -> int:
    """Take up again the runs whose process died, and those that the queue lost; return how many.

    One that kills its process again and again without getting further is given up as failed.
    """
    now = timezone.now()
    dead = EvaluationRun.objects.abandoned(now - SILENT_AFTER)
    for run_id in list(dead.filter(starts__gte=MAX_STARTS).values_list("pk", flat=True)):
        _give_up(run_id, now)
    waiting = EvaluationRun.objects.annotate(since=Coalesce(F("heartbeat_at"), F("created_at")))
    lost = waiting.filter(status=Status.QUEUED, since__lt=now - WAITS_AT_MOST)
    taken = 0
    for run_id in [*dead.values_list("pk", flat=True), *lost.values_list("pk", flat=True)]:
        # the beat of a run that waits says when it was last put into the queue
        silent = Q(status=Status.RUNNING, heartbeat_at__lt=now - SILENT_AFTER) | Q(status=Status.QUEUED)
        if EvaluationRun.objects.filter(silent, pk=run_id).update(status=Status.QUEUED, claim=None, heartbeat_at=now):
            async_task(TASK, run_id)
            taken += 1
    return taken


def _give_up(run_id: int, now: datetime) -> None:
    error = f"The process that worked on it died {MAX_STARTS} times without getting further. Resume it to try again."
    dead = EvaluationRun.objects.abandoned(now - SILENT_AFTER).filter(pk=run_id, starts__gte=MAX_STARTS)
    with transaction.atomic():
        if dead.update(status=Status.FAILED, error=error, claim=None, finished_at=now):
            tell_run(run_id)


def newest_version(dataset: Dataset, wanted: int | None = None) -> int:
    """Return the number of the newest version, or `wanted` if there is that one. Raises EvaluationError if not."""
    numbers = list(dataset.versions.values_list("number", flat=True))
    if not numbers:
        raise EvaluationError(f'The dataset "{dataset}" has no version, so it has no items.')
    if wanted is not None and wanted not in numbers:
        raise EvaluationError(f'The dataset "{dataset}" has no version {wanted}; it has 1 to {max(numbers)}.')
    return wanted or max(numbers)


def _nothing_there(run: EvaluationRun) -> str:
    counted = (
        DatasetItem.objects.filter(dataset=run.dataset)
        .in_version(run.version)
        .order_by("split")
        .values_list("split")
        .annotate(count=Count("pk"))
    )
    there = ", ".join(f"{split.lower()}: {count}" for split, count in counted) or "none at all"
    return (
        f'The dataset "{run.dataset}" has no items in split {run.split.lower()} of version {run.version};'
        f" items by split: {there}."
    )
