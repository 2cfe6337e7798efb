"""`manage.py simulate_traffic`: write made-up history with a known truth, or go on asking in real time."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from chat.exceptions import ChatError
from monitoring.exceptions import TrafficError
from monitoring.experiments.looks import look_back_at_made_up
from monitoring.management.running import STOPPED, RunsCommand
from monitoring.management.traffic_options import check_options, check_truth_file, world_arguments
from monitoring.sole_process import Work, sole_process
from monitoring.synthetic.traffic.copying import analyze, copy_world
from monitoring.synthetic.traffic.demo import LOOK_EVERY
from monitoring.synthetic.traffic.live import go_live
from monitoring.synthetic.traffic.profiles import EFFECT
from monitoring.synthetic.traffic.removal import remove_synthetic
from monitoring.synthetic.traffic.tally import Tally
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.truth import truth_of, write_truth
from monitoring.synthetic.traffic.world import plan_world

BUSY = (
    "Another process writes or removes synthetic traffic at present: simulate_traffic, or the worker at demo data."
    " Start this again when it has ended."
)


class Command(RunsCommand):
    """All rows have origin SYNTHETIC: they are in no figure of users' traffic."""

    help = (
        "Write synthetic traffic: users with habits, questions from the knowledge base, votes, verdicts, incidents."
        " With --truth FILE, verify_truth can check afterwards that monitoring finds what was planted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=30, metavar="D", help="history to write (default: 30)")
        parser.add_argument("--turns", type=int, default=100_000, metavar="N", help="questions (default: 100000)")
        parser.add_argument("--users", type=int, metavar="U", help="who ask them (default: one for 60 questions)")
        parser.add_argument("--seed", type=int, default=7, metavar="S", help="same seed, same world (default: 7)")
        parser.add_argument("--until", metavar="TIME", help="end of the history, ISO 8601 (default: now)")
        parser.add_argument("--zone", default="UTC", metavar="ZONE", help="of the working hours (default: UTC)")
        parser.add_argument(
            "--effect",
            type=float,
            default=EFFECT,
            metavar="E",
            help=f"of the A/B test: how much more often votes on the challenger are thumbs up (default: {EFFECT})",
        )
        parser.add_argument("--quiet", action="store_true", help="no incidents")
        parser.add_argument("--truth", type=Path, metavar="FILE", help="write down what was planted")
        parser.add_argument("--live", action="store_true", help="ask in real time, until Ctrl-C")
        parser.add_argument("--rate", type=float, default=1.0, metavar="R", help="questions a second (default: 1)")
        parser.add_argument(
            "--through-chat", action="store_true", help="with --live: have the chat answer, by the default config"
        )
        parser.add_argument("--seconds", type=float, metavar="S", help="with --live: stop by itself after so long")
        parser.add_argument("--remove", action="store_true", help="remove all synthetic traffic instead")
        parser.add_argument(
            "--older-than", type=int, metavar="D", help="with --remove: only conversations idle for D days or more"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        check_options(options)
        try:
            if options["live"]:
                text = self._live(options)
            else:
                text = self._alone(self._remove if options["remove"] else self._back_fill, options)
        except ChatError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. What is written stays; see --remove.", returncode=STOPPED) from None
        self.stdout.write(text)

    def _alone(self, work: Callable[[dict[str, Any]], str], options: dict[str, Any]) -> str:
        """Two histories at once would both write who met the experiment; a removal takes away what one stands on."""
        with sole_process(Work.DEMO) as is_ours:
            if not is_ours:
                raise TrafficError(BUSY)
            return work(options)

    def _back_fill(self, options: dict[str, Any]) -> str:
        arguments = world_arguments(options)
        if options["truth"]:
            check_truth_file(options["truth"])
        world = plan_world(arguments, read_library(seed=arguments.seed))
        tally = Tally()
        begun = time.monotonic()
        with _bar(arguments.turns) as bar:
            stored = copy_world(world, on_turns=bar.update, on_block=tally.add if options["truth"] else None)
        seconds = time.monotonic() - begun
        analyze()
        self.stderr.write("Written. Looking back at the A/B test, day by day: some seconds to minutes ...")
        look_back_at_made_up(every=LOOK_EVERY)
        lines = [f"{stored:,} turns over {arguments.days} days, {stored / max(seconds, 1e-9):,.0f} a second."]
        if options["truth"]:
            write_truth(options["truth"], truth_of(tally))
            lines.append(f"The truth: {options['truth']}. Check it: manage.py verify_truth {options['truth']}")
        return "\n".join(lines)

    def _live(self, options: dict[str, Any]) -> str:
        with _bar(None) as bar:
            asked = go_live(
                rate=options["rate"],
                seed=options["seed"],
                zone=options["zone"],
                seconds=options["seconds"],
                through_chat=options["through_chat"],
                on_turns=bar.update,
            )
        return f"{asked:,} turns."

    def _remove(self, options: dict[str, Any]) -> str:
        days = options["older_than"]
        before = None if days is None else timezone.now() - timedelta(days=days)
        with _bar(None) as bar:
            removed = remove_synthetic(before=before, on_turns=bar.update)
        if not removed:
            idle = "" if days is None else f", idle for {days} days or more"
            return f"There was no synthetic traffic to remove{idle}."
        return "Removed " + ", ".join(f"{count:,} {name}" for name, count in removed.items()) + "."


def _bar(total: int | None) -> "tqdm[Any]":
    return tqdm(total=total, unit="turn", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
