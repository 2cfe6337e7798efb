"""What the commands that work off runs share: the progress bar, and what is said when a run does not finish."""

import logging
import sys
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from monitoring.evaluation.runner import work_on
from monitoring.evaluation.working import Working
from monitoring.exceptions import EvaluationError
from monitoring.models import DatasetItem, EvaluationRun

SPLITS = [*(split.lower() for split in DatasetItem.Split.values), EvaluationRun.ALL_SPLITS.lower()]
STOPPED = 130  # the exit status of what Ctrl-C ended


class RunsCommand(BaseCommand):
    """A command whose --version is the dataset's, not Django's."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run without a log line for each answer, of which there are many here, all in the progress bar's way."""
        logger = logging.getLogger("chat.services.turns")
        level = logger.level
        logger.setLevel(logging.WARNING)
        try:
            return super().execute(*args, **options)
        finally:
            logger.setLevel(level)


def work_with_bar(run: EvaluationRun, working: Working) -> EvaluationRun:
    """Work on a run with a progress bar on stderr; return it as it is then, finished or not.

    Raises CommandError when Ctrl-C stopped it, EvaluationError when another process has it.
    """
    with tqdm(
        total=run.total_items,
        initial=run.done_items,
        desc=str(run.config),
        unit="question",
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
        leave=False,
    ) as bar:

        def on_progress(items: int) -> None:
            bar.update(items)

        try:
            status = work_on(run.pk, replace(working, on_progress=on_progress))
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped. What is finished stays; go on: manage.py evaluate --resume {run.pk}", returncode=STOPPED
            ) from None
    if status is None:
        raise EvaluationError(f"Run {run.pk} was taken by another process, such as the worker; see it in the admin.")
    return find_run(run.pk)


def find_run(number: int) -> EvaluationRun:
    """Return a run with what its summary reads."""
    try:
        return EvaluationRun.objects.select_related("config__embedder", "dataset").get(pk=number)
    except EvaluationRun.DoesNotExist as error:
        last = EvaluationRun.objects.order_by("-pk").values_list("pk", flat=True)[:5]
        known = ", ".join(map(str, last)) or "none"
        raise CommandError(f"There is no run {number}; the last ones: {known}.") from error


def why_unfinished(run: EvaluationRun) -> str:
    """One line: what became of a run, and what to do."""
    reason = f": {run.error}" if run.error else "."
    return f"Run {run.pk} ({run.config}) {run.get_status_display()}{reason} Go on: manage.py evaluate --resume {run.pk}"
