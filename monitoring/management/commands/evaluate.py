"""`manage.py evaluate --dataset NAME --config NAME`: put a split of a dataset through one or several configs."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from chat.exceptions import ChatError
from chat.services.configs import find_config
from monitoring.evaluation.comparison import CandidateComparison, compare_runs
from monitoring.evaluation.export import comparison_as_dict, run_as_dict
from monitoring.evaluation.report import RunSummary, summarise
from monitoring.evaluation.runs import find_dataset, newest_version, resume_run, start_run, wait_until_free
from monitoring.evaluation.tables import comparison_rows, summary_rows, text_table
from monitoring.evaluation.working import Working
from monitoring.exceptions import EvaluationError
from monitoring.management.running import SPLITS, RunsCommand, find_run, why_unfinished, work_with_bar
from monitoring.models import EvaluationRun


class Command(RunsCommand):
    """Prints a table on stdout; the progress bar goes to stderr. Exit status 1 when a run does not finish."""

    help = (
        "Evaluate pipeline configs on a dataset. Without --answers only the search is measured, and no model is asked. "
        "A run that was stopped or killed goes on with --resume RUN, and does nothing twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", metavar="NAME", help="the questions")
        parser.add_argument("--split", default="test", choices=SPLITS, help="part of the dataset (default: test)")
        parser.add_argument("--version", type=int, metavar="N", dest="dataset_version", help="default: the newest")
        parser.add_argument(
            "--config",
            action="append",
            default=[],
            metavar="NAME",
            dest="configs",
            help="name of a pipeline config (its newest version) or NAME_v2; may be given several times",
        )
        parser.add_argument("--k", type=int, default=5, help="cutoff of hit rate and the like (default: 5)")
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
        parser.add_argument("--repeat", type=int, default=1, metavar="R", help="put each question R times (default: 1)")
        parser.add_argument("--answers", action="store_true", help="answer each question too, by the whole pipeline")
        parser.add_argument("--judge", default="", metavar="PROVIDER/MODEL", help="judge answers by this model")
        parser.add_argument("--json", type=Path, metavar="FILE", dest="json_file", help='write figures; "-" for stdout')
        parser.add_argument(
            "--resume", type=int, action="append", default=[], metavar="RUN", help="go on with a run, by its number"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            summaries = self._evaluate(options)
        except ChatError as error:
            raise CommandError(str(error)) from error
        figures = [run_as_dict(summary) for summary in summaries]
        comparisons = self._compared(summaries)
        for figure, comparison in zip(figures[1:], comparisons, strict=False):
            figure["against"] = comparison_as_dict(comparison, summaries[0].run)
        if options["json_file"] == Path("-"):
            self.stdout.write(json.dumps(figures, indent=2))
        else:
            self.stdout.write(heading(summaries[0]))
            self.stdout.write(text_table(summary_rows(summaries)))
            for comparison in comparisons:
                self.stdout.write(f"\n{comparison.run.config} against {summaries[0].run.config}, question by question")
                self.stdout.write(text_table(comparison_rows(comparison.measures)))
            if options["json_file"]:
                options["json_file"].write_text(json.dumps(figures, indent=2) + "\n")
        if unfinished := [summary for summary in summaries if summary.run.status != EvaluationRun.Status.DONE]:
            raise CommandError("\n".join(why_unfinished(summary.run) for summary in unfinished))

    def _compared(self, summaries: Sequence[RunSummary]) -> Sequence[CandidateComparison]:
        """Return each further run against the first; nothing where they cannot be compared, which is said on stderr."""
        if len(summaries) < 2:
            return ()
        try:
            return compare_runs([summary.run for summary in summaries]).candidates
        except EvaluationError as error:
            self.stderr.write(f"Not compared: {error}", self.style.WARNING)
            return ()

    def _evaluate(self, options: dict[str, Any]) -> list[RunSummary]:
        """Work off the runs that are asked for, one after the other; a question is embedded once for all of them."""
        working = Working()
        if options["resume"]:
            runs = [find_run(number) for number in options["resume"]]
            for run in runs:
                wait_until_free(run)
                resume_run(run=run, enqueue=False)
            return [evaluated(find_run(run.pk), working) for run in runs]
        if not options["dataset"] or not options["configs"]:
            raise CommandError("Say --dataset NAME and --config NAME (or --resume RUN, to go on with a run).")
        dataset = find_dataset(options["dataset"])
        configs = [find_config(name) for name in options["configs"]]
        # one version for all, also when questions come in while the first is evaluated
        version = newest_version(dataset, options["dataset_version"])
        return [
            evaluated(
                start_run(
                    dataset=dataset,
                    config=config,
                    split=options["split"].upper(),
                    version=version,
                    kind=EvaluationRun.Kind.ANSWER if options["answers"] else EvaluationRun.Kind.RETRIEVAL,
                    k=options["k"],
                    repeat=options["repeat"],
                    item_limit=options["limit"],
                    judge_model=options["judge"],
                    enqueue=False,
                ),
                working,
            )
            for config in configs
        ]


def evaluated(run: EvaluationRun, working: Working) -> RunSummary:
    """Work on a run, and return what it says."""
    return summarise(work_with_bar(run, working), with_slices=False)


def heading(summary: RunSummary) -> str:
    """One line: what was evaluated."""
    run = summary.run
    items = f"{summary.items} questions" + (f", each {run.repeat} times" if run.repeat > 1 else "")
    return f"Dataset {run.dataset} version {run.version}, split {run.split.lower()}, k = {run.k}, {items}"
