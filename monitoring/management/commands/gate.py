"""`manage.py gate --dataset NAME --baseline NAME --candidate NAME --min MEASURE=MINIMUM`: may the candidate replace the
baseline?"""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from chat.exceptions import ChatError
from chat.models import PipelineConfig
from chat.services.configs import find_config
from monitoring.evaluation.gate import GateReport, markdown, rule
from monitoring.evaluation.runs import find_dataset, newest_finished, start_run
from monitoring.evaluation.tables import comparison_rows, text_table
from monitoring.evaluation.working import Working
from monitoring.management.running import SPLITS, RunsCommand, find_run, work_with_bar
from monitoring.models import EvaluationRun

FAILED, CANNOT_JUDGE = 1, 2


class Command(RunsCommand):
    """Exit status 0: passed; 1: failed; 2: cannot judge (wrong options, missing results)."""

    help = (
        "Evaluate two pipeline configs and compare them question by question. Exit status 0 when each measure named by "
        "--min differs by at least its minimum (candidate minus baseline), 1 when one does not, 2 when results are "
        "missing or options are wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--baseline", required=True, metavar="CONFIG", help="name, or NAME_v2 for a version")
        parser.add_argument("--candidate", required=True, metavar="CONFIG")
        parser.add_argument(
            "--min",
            required=True,
            action="append",
            type=minimum,
            metavar="MEASURE=MINIMUM",
            dest="minimums",
            help='least difference that passes, such as "mrr=-0.01"; may be given several times',
        )
        parser.add_argument(
            "--whole-interval",
            action="store_true",
            help="the lower end of the difference's interval must reach the minimum too, not only the estimate",
        )
        parser.add_argument("--split", default="test", choices=SPLITS, help="part of the dataset (default: test)")
        parser.add_argument("--k", type=int, default=5, help="cutoff of hit rate and the like (default: 5)")
        parser.add_argument("--repeat", type=int, default=1, metavar="R", help="put each question R times (default: 1)")
        parser.add_argument("--answers", action="store_true", help="answer each question too, by the whole pipeline")
        parser.add_argument("--judge", default="", metavar="PROVIDER/MODEL", help="judge answers by this model")
        parser.add_argument(
            "--reuse",
            action="store_true",
            help="take the newest finished runs on the dataset's newest version, and evaluate only what is missing",
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write a report in Markdown")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self._rule(options)
        except ChatError as error:
            raise CommandError(f"Cannot judge: {error}", returncode=CANNOT_JUDGE) from error
        if options["report"]:
            options["report"].write_text(markdown(report))
        found = report.candidate
        self.stdout.write(
            f"{found.run.config} against {report.comparison.baseline.config}, {found.common_items} questions"
        )
        self.stdout.write(text_table(comparison_rows(found.measures)))
        for ruling in report.rulings:
            self.stdout.write(f"{ruling.measure} >= {ruling.minimum:+g}: {ruling.word}, {ruling.reason}")
        if not report.passed:
            raise CommandError("The gate is closed.", returncode=FAILED)
        self.stdout.write("The gate is open.")

    def _rule(self, options: dict[str, Any]) -> GateReport:
        configs = [find_config(options[name]) for name in ("baseline", "candidate")]
        working = Working()
        baseline, candidate = (self._run(config, options, working) for config in configs)
        return rule(baseline, candidate, dict(options["minimums"]), whole_interval=options["whole_interval"])

    def _run(self, config: PipelineConfig, options: dict[str, Any], working: Working) -> EvaluationRun:
        wanted: dict[str, Any] = {
            "dataset": find_dataset(options["dataset"]),
            "config": config,
            "split": options["split"].upper(),
            "kind": EvaluationRun.Kind.ANSWER if options["answers"] else EvaluationRun.Kind.RETRIEVAL,
            "k": options["k"],
            "repeat": options["repeat"],
            "judge_model": options["judge"],
        }
        if options["reuse"] and (run := newest_finished(**wanted)):
            return find_run(run.pk)
        return work_with_bar(start_run(**wanted, enqueue=False), working)


def minimum(text: str) -> tuple[str, float]:
    """Read "mrr=-0.01"."""
    name, separator, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not name or not separator or not -1 <= value <= 1:
        raise ArgumentTypeError(f'"{text}" is not MEASURE=MINIMUM with a minimum of -1 to 1, such as mrr=-0.01')
    return name, value
