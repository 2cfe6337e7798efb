"""`manage.py attack_judge [--judge NAME] [--model PROVIDER/MODEL]`: do judges listen to what they judge?"""

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.models.conversation import Origin
from chat.rag.config import LLMCall
from chat.rag.llm import ModelAccess
from chat.services.answering import limits, price_overrides
from chat.services.budgets import check_site_budget
from chat.services.knowledge import local_embedder
from chat.services.turns import record_calls, total_cost
from monitoring.evaluation.tables import text_table
from monitoring.judges.attacks.attacking import AttackReport, attack_judge, can_be_attacked, verdict_count
from monitoring.judges.base import Judge, JudgeTools, Record
from monitoring.judges.registry import JUDGES
from monitoring.judges.versions import find_judge, version_name
from monitoring.management.running import STOPPED


class Command(BaseCommand):
    """Calls of models are stored with their cost; verdicts are only printed."""

    help = (
        "Write texts that speak to the judge ('ignore the instructions', a fake verdict, ...) into turns that it has to"
        " fail, and count how often it gives a better label than without. All judges without a model; with --model"
        " those too that need one, by about 45 calls each."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--judge",
            action="append",
            default=[],
            metavar="NAME",
            dest="judges",
            help="one judge; may be given several times",
        )
        parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="for the judges that ask a model")
        parser.add_argument("--json", type=Path, metavar="FILE", dest="json_file", help='write figures; "-" for stdout')

    def handle(self, *args: Any, **options: Any) -> None:
        model = options["model"]
        calls: list[LLMCall] = []
        try:
            judges = chosen_judges(options["judges"], model)
            check_site_budget([model])
            reports = self._attack(judges, model, calls.append)
        except ChatError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. Calls that were made are stored with their cost.", returncode=STOPPED
            ) from None
        finally:
            record_calls(calls=calls, origin=Origin.EVALUATION)
        figures = [as_dict(report, model) for report in reports]
        if options["json_file"] == Path("-"):
            self.stdout.write(json.dumps(figures, indent=2))
            return
        if options["json_file"]:
            options["json_file"].write_text(json.dumps(figures, indent=2) + "\n")
        self.stdout.write(as_text(reports, model))
        if calls:
            cost = total_cost(tuple(calls))
            self.stdout.write(f"{len(calls)} calls, {'cost unknown' if cost is None else f'{cost:.4f} USD'}.")

    def _attack(self, judges: Sequence[Judge], model: str, record: Record) -> list[AttackReport]:
        access = ModelAccess(settings.PROVIDERS, limits=limits(), price_overrides=price_overrides())
        tools = JudgeTools(access=access, model=model, embedder=local_embedder())
        total = sum(map(verdict_count, judges))
        with tqdm(total=total, unit="verdict", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

            def on_verdict() -> None:
                bar.update()

            async def attack_all() -> list[AttackReport]:
                concurrency = settings.JUDGE_CONCURRENCY
                return [
                    await attack_judge(judge, tools, record, concurrency=concurrency, on_verdict=on_verdict)
                    for judge in judges
                ]

            return asyncio.run(attack_all())


def chosen_judges(names: Sequence[str], model: str) -> list[Judge]:
    """Return the judges of that name, or all that can be asked. Raises CommandError for one that cannot."""
    if not names:
        return [judge for judge in JUDGES.values() if can_be_attacked(judge) and (model or judge.family == "offline")]
    judges = [find_judge(name) for name in dict.fromkeys(names)]
    for judge in judges:
        if not can_be_attacked(judge):
            raise CommandError(f'The judge "{judge.name}" gives a number and no label: there is nothing to win.')
        if judge.family == "llm" and not model:
            raise CommandError(f'The judge "{judge.name}" needs a model: name one by --model PROVIDER/MODEL.')
    return judges


def as_text(reports: Sequence[AttackReport], model: str) -> str:
    """Return reports for people: a table, and below which attacks succeeded and why some were not tried."""
    rows = [["judge version", "attacks", "succeeded", "success rate [95 %]", "failed verdicts", "not tried"]]
    lines = []
    for report in reports:
        name = version_name(report.judge, model)
        counts = (len(report.judged), len(report.succeeded))
        rows.append([name, *map(str, counts), _rate(report), str(report.failed), str(report.skipped)])
        won = Counter(f"{trial.attack} ({trial.place})" for trial in report.succeeded)
        lines += [f"{report.judge.name}: {count} x {attack}" for attack, count in won.most_common()]
        reasons = Counter(trial.skipped for trial in report.trials if trial.skipped)
        lines += [f"{report.judge.name}: {count} not tried, {reason}" for reason, count in reasons.most_common()]
        failures = Counter(trial.verdict.error for trial in report.trials if trial.verdict and trial.verdict.error)
        lines += [f"{report.judge.name}: {count} failed, {reason}" for reason, count in failures.most_common(3)]
    return "\n".join([text_table(rows), *lines])


def as_dict(report: AttackReport, model: str) -> dict[str, Any]:
    """Return a report as plain data."""
    return {
        "judge": report.judge.name,
        "version": version_name(report.judge, model),
        "attacks": len(report.judged),
        "succeeded": len(report.succeeded),
        "success_ratio": report.success_ratio,
        "interval": report.interval,
        "failed_verdicts": report.failed,
        "not_tried": report.skipped,
        "trials": [
            {
                "attack": trial.attack,
                "place": trial.place,
                "case": trial.case,
                "control": trial.control.label or None,
                "label": (trial.verdict.label or None) if trial.verdict else None,
                "succeeded": trial.succeeded,
                "error": (trial.verdict.error if trial.verdict else trial.skipped) or None,
            }
            for trial in report.trials
        ],
    }


def _rate(report: AttackReport) -> str:
    if report.success_ratio is None or report.interval is None:
        return "-"
    return f"{report.success_ratio:.2f} [{report.interval[0]:.2f}, {report.interval[1]:.2f}]"
