"""`manage.py round_trip`: make questions from answers, answer them again, and compare (A -> Q -> A')."""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.services.configs import find_config
from monitoring.evaluation.export import interval_as_dict, run_as_dict
from monitoring.evaluation.live_round_trip import LiveRoundTrips, go_round_trips, sample_turns
from monitoring.evaluation.report import summarise
from monitoring.evaluation.round_trip import NAME
from monitoring.evaluation.runs import find_dataset, start_run
from monitoring.evaluation.tables import summary_rows, text_table, with_interval
from monitoring.evaluation.working import Working
from monitoring.management.running import SPLITS, STOPPED, RunsCommand, why_unfinished, work_with_bar
from monitoring.models import EvaluationRun


class Command(RunsCommand):
    """On a dataset it is an answer run with one score more, which evaluate --resume goes on with."""

    help = (
        "Make a question from each answer, answer it again by the same config, and measure how alike both answers are:"
        " of a dataset's questions, or of a sample of live turns, which need no expected answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", metavar="NAME")
        parser.add_argument("--split", default="dev", choices=SPLITS, help="part of the dataset (default: dev)")
        parser.add_argument("--config", action="append", default=[], metavar="NAME", dest="configs")
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
        parser.add_argument("--live", action="store_true", help="take answers that users got, by chance")
        parser.add_argument("--sample", type=int, default=50, metavar="N", help="live turns (default: 50)")
        parser.add_argument("--days", type=int, metavar="D", help="live turns of the last D days (default: all)")
        parser.add_argument("--json", type=Path, metavar="FILE", dest="json_file", help='write figures; "-" for stdout')

    def handle(self, *args: Any, **options: Any) -> None:
        if options["live"] == bool(options["dataset"] and options["configs"]):
            raise CommandError("Say either --dataset NAME and --config NAME, or --live.")
        try:
            figures, text = self._live(options) if options["live"] else self._dataset(options)
        except ChatError as error:
            raise CommandError(str(error)) from error
        if options["json_file"] == Path("-"):
            text = json.dumps(figures, indent=2)
        elif options["json_file"]:
            options["json_file"].write_text(json.dumps(figures, indent=2) + "\n")
        self.stdout.write(text)

    def _dataset(self, options: dict[str, Any]) -> tuple[Any, str]:
        dataset, working = find_dataset(options["dataset"]), Working()
        summaries = []
        for config in [find_config(name) for name in options["configs"]]:
            run = start_run(
                dataset=dataset,
                config=config,
                split=options["split"].upper(),
                kind=EvaluationRun.Kind.ANSWER,
                item_limit=options["limit"],
                round_trip=True,
                enqueue=False,
            )
            summaries.append(summarise(work_with_bar(run, working), with_slices=False))
        if unfinished := [summary.run for summary in summaries if summary.run.status != EvaluationRun.Status.DONE]:
            raise CommandError("\n".join(map(why_unfinished, unfinished)))
        return [run_as_dict(summary) for summary in summaries], text_table(summary_rows(summaries))

    def _live(self, options: dict[str, Any]) -> tuple[Any, str]:
        turns = sample_turns(sample=options["sample"], days=options["days"])
        with tqdm(total=len(turns), unit="turn", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

            def on_progress() -> None:
                bar.update()

            try:
                found = go_round_trips(turns, on_progress)
            except KeyboardInterrupt:
                raise CommandError("Stopped. Answers that were given are recorded.", returncode=STOPPED) from None
        return live_as_dict(found), live_as_text(found)


def live_as_dict(found: LiveRoundTrips) -> dict[str, Any]:
    """Return a sample as plain data."""
    return {
        "turns": len(found.trips),
        NAME: interval_as_dict(found.interval),
        "unscored": sum(trip.value is None for trip in found.trips),
        "items": [
            {"turn": trip.turn_id, "question": trip.question, "value": trip.value, "error": trip.error or None}
            for trip in found.trips
        ],
    }


def live_as_text(found: LiveRoundTrips) -> str:
    """Return a sample for people: the mean, why some are unscored, and the answers that came back least alike."""
    unscored = [trip for trip in found.trips if trip.value is None]
    scored = sorted((trip.value, trip.turn_id, trip.question) for trip in found.trips if trip.value is not None)
    lines = [
        f"{NAME} {with_interval(found.interval)}: {len(found.trips)} turns, {len(scored)} scored,"
        f" {len(unscored)} unscored"
    ]
    lines += [f"{count} x {reason}" for reason, count in Counter(trip.error for trip in unscored).most_common()]
    if scored:
        least = [[f"{value:.3f}", str(turn_id), question[:80]] for value, turn_id, question in scored[:10]]
        lines.append(text_table([["least alike", "turn", "question"], *least]))
    return "\n".join(lines)
