"""`manage.py tune --dataset NAME`: find better settings of a config's hybrid search."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.models import PipelineConfig
from chat.services.configs import find_config, save_variant
from monitoring.evaluation.export import comparisons_as_dict
from monitoring.evaluation.retrieval import QuestionVectors
from monitoring.evaluation.runs import find_dataset, newest_version
from monitoring.evaluation.tables import comparison_rows, text_table
from monitoring.evaluation.tuning import ALL, SAVED, Trial, Trials, tune
from monitoring.evaluation.tuning_report import Threshold, compare_settings, describe, load_part, suggest_threshold
from monitoring.management.running import SPLITS, STOPPED, RunsCommand
from monitoring.models import EvaluationRun
from monitoring.statistics.comparison import Comparison

SHOWN_TRIALS = 5


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found. `reported`: on the split that it was not chosen by."""

    config: PipelineConfig
    trials: list[Trial]
    chosen_by: Mapping[str, Comparison]
    reported: Mapping[str, Comparison]
    threshold: Threshold | None

    @property
    def best(self) -> Trial:
        return self.trials[0]


class Command(RunsCommand):
    """Nothing is written but with --save; default configs are changed in the admin."""

    help = (
        "Find better settings of a config's hybrid search: chosen by one split of a dataset, reported once on another, "
        "against the settings it has. No model is asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--split", default="dev", choices=SPLITS, help="to choose by (default: dev)")
        parser.add_argument("--report-split", default="test", choices=SPLITS, help="to report on (default: test)")
        parser.add_argument("--config", default="hybrid", metavar="NAME", help="to begin with (default: hybrid)")
        parser.add_argument("--measure", default="mrr", help="what is to be as high as possible (default: mrr)")
        parser.add_argument("--k", type=int, default=5, help="cutoff of measures (default: 5)")
        parser.add_argument("--limit", type=int, metavar="N", help="choose by the first N questions only")
        parser.add_argument("--trials", type=int, default=80, metavar="N", help="settings tried at most (default: 80)")
        parser.add_argument("--seed", type=int, default=1, help="of the search, where not all settings are tried")
        parser.add_argument(
            "--all-settings",
            action="store_true",
            help="search also what no config can hold (depth, k of rank fusion, BM25), to choose the code's values by",
        )
        parser.add_argument("--save", metavar="NAME", help="write the best settings as the next version of this config")
        parser.add_argument("--json", type=Path, metavar="FILE", dest="json_file", help='write figures; "-" for stdout')

    def handle(self, *args: Any, **options: Any) -> None:
        if options["save"] and options["all_settings"]:
            raise CommandError("--all-settings finds what no config can hold; leave it out to --save.")
        if options["split"] == options["report_split"]:
            raise CommandError(f"Choosing and reporting by the same split ({options['split']}) proves nothing.")
        if options["trials"] < 1:
            raise CommandError(f"{options['trials']} trials find nothing; allow 1 or more.")
        try:
            found = self._tune(options)
            saved = self._save(found, options) if options["save"] else None
        except ChatError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Nothing was written.", returncode=STOPPED) from None
        figures = as_dict(found, saved)
        if options["json_file"] == Path("-"):
            self.stdout.write(json.dumps(figures, indent=2))
            return
        if options["json_file"]:
            options["json_file"].write_text(json.dumps(figures, indent=2) + "\n")
        self.stdout.write(as_text(found, options))
        if saved:
            self.stdout.write(f"Saved as {saved}. Make it the default in the admin.")

    def _tune(self, options: dict[str, Any]) -> Tuned:
        config, vectors = find_config(options["config"]), QuestionVectors()
        start = config.recipe().fusion
        dataset = find_dataset(options["dataset"])
        values = {"dataset": dataset, "version": newest_version(dataset), "config": config}
        by = load_part(EvaluationRun(**values, split=options["split"].upper(), item_limit=options["limit"]))
        reported_on = load_part(EvaluationRun(**values, split=options["report_split"].upper()))
        with tqdm(unit="trial", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

            def on_trial() -> None:
                bar.update()

            trials = Trials(
                config, by.questions, measure=options["measure"], k=options["k"], vectors=vectors, on_trial=on_trial
            )
            space = ALL if options["all_settings"] else SAVED
            found = tune(trials, start=start, space=space, max_trials=options["trials"], seed=options["seed"])
        best = found[0].fusion
        return Tuned(
            config=config,
            trials=found,
            chosen_by=compare_settings(config, by, start=start, best=best, k=options["k"], vectors=vectors),
            reported=compare_settings(config, reported_on, start=start, best=best, k=options["k"], vectors=vectors),
            threshold=suggest_threshold(config, by, fusion=best, vectors=vectors),
        )

    def _save(self, found: Tuned, options: dict[str, Any]) -> PipelineConfig:
        if found.best.fusion == found.config.recipe().fusion and not found.threshold:
            raise CommandError(f"Nothing is better than {found.config} as it is, so nothing is saved.")
        changes: dict[str, Any] = {
            "fusion": found.best.fusion.method.value,
            "text_weight": found.best.fusion.text_weight,
        }
        if found.threshold:
            changes["min_similarity"] = found.threshold.after.threshold
        description = f"{found.config}, tuned on {options['dataset']}, split {options['split']}."
        return save_variant(config=found.config, name=options["save"], description=description, **changes)


def as_text(found: Tuned, options: dict[str, Any]) -> str:
    """Return what was found, for people."""
    start = found.config.recipe().fusion
    rows = [["best settings", options["measure"]]]
    rows += [[describe(trial.fusion, start), f"{trial.value:.4f}"] for trial in found.trials[:SHOWN_TRIALS]]
    began = next(trial for trial in found.trials if trial.fusion == start)
    rows.append([f"as it is: {describe(start, start)}", f"{began.value:.4f}"])
    lines = [
        f"{len(found.trials)} settings of {found.config} tried on split {options['split']}",
        text_table(rows),
        f"\nOn split {options['split']}, which they were chosen by",
        text_table(comparison_rows(found.chosen_by)),
        f"\nOn split {options['report_split']}, which tells what they are worth",
        text_table(comparison_rows(found.reported)),
    ]
    if found.threshold:
        before, after = found.threshold.before, found.threshold.after
        lines.append(
            f"\nLeast similarity: {after.threshold:.2f} refuses {after.answerable:.1%} of"
            f" {found.threshold.n_answerable} answerable questions and {after.unanswerable:.1%} of"
            f" {found.threshold.n_unanswerable} that nothing answers; {before.threshold:.2f}, as it is,"
            f" {before.answerable:.1%} and {before.unanswerable:.1%}"
        )
    else:
        lines.append("\nLeast similarity: not tuned, since too few questions have no answer on purpose.")
    return "\n".join(lines)


def as_dict(found: Tuned, saved: PipelineConfig | None) -> dict[str, Any]:
    """Return what was found as plain data."""
    return {
        "config": str(found.config),
        "trials": [{**asdict(trial.fusion), "value": trial.value} for trial in found.trials],
        "best": {**asdict(found.best.fusion), "value": found.best.value},
        "chosen_by": comparisons_as_dict(found.chosen_by),
        "reported": comparisons_as_dict(found.reported),
        "threshold": asdict(found.threshold) if found.threshold else None,
        "saved": str(saved) if saved else None,
    }
