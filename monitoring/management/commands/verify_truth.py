"""`manage.py verify_truth`: does monitoring say what was planted?"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.models.conversation import Origin
from monitoring.evaluation.tables import text_table
from monitoring.quality.errors import refresh_judge_errors
from monitoring.reports import refresh
from monitoring.synthetic.traffic.deciding import Decided, check_experiments
from monitoring.synthetic.traffic.truth import read_truth
from monitoring.synthetic.traffic.verifying import (
    Checked,
    Found,
    check_figures,
    check_incidents,
    hours_of,
    why_off,
)


class Command(BaseCommand):
    """Ends with status 1 when a figure is off, an incident was not found, or an alert was raised without one."""

    help = (
        "Hold the figures of the reports and the alerts against the truth file of simulate_traffic."
        " Other synthetic traffic in the same time makes figures differ: remove it first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("truth", type=Path, metavar="FILE", help="what simulate_traffic --truth wrote")
        parser.add_argument("--origin", choices=Origin.values, default=None, help="default: the truth file's")
        parser.add_argument("--no-incidents", action="store_true", help="check figures only, which is quick")
        parser.add_argument("--all", action="store_true", dest="show_all", help="show counts of groups too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            truth = read_truth(options["truth"])
        except ChatError as error:
            raise CommandError(str(error)) from error
        origin = options["origin"] or truth["origin"]
        refresh()  # figures are right without it; a month of alerts is read sooner
        refresh_judge_errors()  # as the worker does every few minutes; corrected rates rest on it
        figures = list(check_figures(truth, origin=origin))
        self.stdout.write(_figures_table(figures, show_all=options["show_all"]))
        decided = list(check_experiments(truth)) if origin == truth["origin"] else []
        self.stdout.write(_experiments_table(decided))
        found: list[Found] = []
        if not options["no_incidents"]:
            hours = len(hours_of(truth))
            with tqdm(total=hours, unit="hour", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
                found = list(check_incidents(truth, origin=origin, on_hours=bar.update))
            self.stdout.write(_incidents_table(found))
        checked = [one.is_ok for some in (figures, decided, found) for one in some]
        if not all(checked):
            raise CommandError(f"{checked.count(False)} of {len(checked)} are off.{why_off(truth, origin=origin)}")
        hidden = sum(one.raised_at is None for one in found)
        few = f" Of the incidents {hidden} show too little to be found; a larger world shows more." if hidden else ""
        planted = f"All {len(figures)} figures and {len(found)} incidents are as planted."
        self.stdout.write(self.style.SUCCESS(planted + few))


def _figures_table(figures: list[Checked], *, show_all: bool) -> str:
    """Return the figures of all traffic and whatever is off; the groups are counted where they are right."""
    shown = [one for one in figures if show_all or not one.is_ok or "[" not in one.name]
    rows = [["figure", "planted", "reported", "interval", "ok"]]
    rows += [
        [
            one.name,
            _number(one.planted),
            "-" if one.reported is None else _number(one.reported),
            "exact" if one.low == one.high else f"{_number(one.low)} .. {_number(one.high)}",
            ("yes" if one.is_ok else "NO") + (f": {one.note}" if one.note else ""),
        ]
        for one in shown
    ]
    hidden = len(figures) - len(shown)
    return text_table(rows) + (
        f"\n… and {hidden} figures of groups that are right (--all shows them)." if hidden else ""
    )


def _experiments_table(decided: list[Decided]) -> str:
    if not decided:
        return ""
    rows = [["experiment", "planted effect", "interval", "verdict", "ok", "what it says"]]
    rows += [
        [
            one.name,
            f"{one.effect:+.4f}",
            "-" if one.low is None or one.high is None else f"{one.low:+.4f} .. {one.high:+.4f}",
            one.kind,
            "yes" if one.is_ok else "NO",
            one.text,
        ]
        for one in decided
    ]
    return "\n" + text_table(rows)


def _incidents_table(found: list[Found]) -> str:
    if not found:
        return "\nNo incident was planted, and no alert was raised."
    rows = [["incident", "begins", "alert", "raised", "ok", "what it says"]]
    rows += [
        [
            one.what,
            f"{one.begin:%Y-%m-%d %H:%M}",
            one.alert,
            "never" if one.raised_at is None else f"{one.raised_at:%Y-%m-%d %H:%M}",
            "yes" if one.is_ok else "NO",
            one.detail,
        ]
        for one in found
    ]
    return "\n" + text_table(rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}"
