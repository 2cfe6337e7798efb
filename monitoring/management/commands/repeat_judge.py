"""`manage.py repeat_judge --judge NAME`: ask a judge again about turns that it judged. Does it say the same?"""

import asyncio
import sys
import uuid
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.rag.llm import ModelAccess
from chat.services.answering import limits, price_overrides
from chat.services.knowledge import local_embedder
from monitoring.judges.base import Judge, JudgedTurn, JudgeTools
from monitoring.judges.versions import current_version, find_judge
from monitoring.judging.claims import Claim
from monitoring.judging.material import load_material
from monitoring.judging.rules import problem_of
from monitoring.models import JudgeVersion, Score
from monitoring.quality.labelled import LIVE_ORIGINS
from monitoring.quality.repeats import consistency, repeat_verdicts

NO_VERSION = 0  # the id of none


class Command(BaseCommand):
    """The latest judged turns are asked again; scores stay as they are."""

    help = (
        "Ask a judge several times about turns that it judged, to see how often it says the same. Live scores stay as "
        "they are. With a model each repeat is a call that costs what a verdict costs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--judge", required=True, metavar="NAME", help='such as "groundedness_offline"')
        parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="of a judge that asks one")
        parser.add_argument("--turns", type=int, default=30, metavar="N", help="the latest N (default: 30)")
        parser.add_argument("--repeats", type=int, default=3, metavar="R", help="of each turn (default: 3)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["turns"] < 1 or options["repeats"] < 2:
            raise CommandError("Say --turns 1 or more and --repeats 2 or more: one repeat has nothing to agree with.")
        try:
            judge = find_judge(options["judge"])
            if problem := problem_of(judge=judge.name, model=options["model"]):
                raise CommandError(problem)
            version = current_version(judge, options["model"])
            turns = _as_judged(judge, _latest(version, options["turns"]))
            if not turns:
                raise CommandError(f"{version} has judged no turn of users or of the API yet: nothing can be repeated.")
            access = ModelAccess(settings.PROVIDERS, limits=limits(), price_overrides=price_overrides())
            tools = JudgeTools(access=access, model=options["model"], embedder=local_embedder())
            count = len(turns) * options["repeats"]
            with tqdm(total=count, unit="verdict", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:
                valued = asyncio.run(
                    repeat_verdicts(
                        version=version,
                        judge=judge,
                        tools=tools,
                        turns=turns,
                        repeats=options["repeats"],
                        concurrency=settings.JUDGE_CONCURRENCY,
                        on_progress=bar.update,
                    )
                )
        except ChatError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{version}: {len(turns)} turns, each {options['repeats']} times.")
        if valued < count:
            self.stdout.write(f"{count - valued} of {count} repeats gave no verdict; they are left out.")
        self.stdout.write(_in_words(version))


def _latest(version: JudgeVersion, count: int) -> list[int]:
    """Return the turns that a version judged last, whose texts are still there."""
    scores = Score.objects.by_judges().valued().filter(judge_version=version, turn__origin__in=LIVE_ORIGINS)
    there = scores.filter(turn__conversation__deleted_at__isnull=True)
    return list(there.order_by("-created_at", "-pk").values_list("turn_id", flat=True)[:count])


def _as_judged(judge: Judge, turn_ids: list[int]) -> dict[int, JudgedTurn]:
    """Return turns as judges see them, as if they were claimed for a version that has said nothing yet."""
    nobody = uuid.uuid4()
    claims = [Claim(turn_id, NO_VERSION, 0, 1, nobody) for turn_id in turn_ids]
    return {found.claim.turn_id: found.turn for found in load_material(claims, {NO_VERSION: judge})}


def _in_words(version: JudgeVersion) -> str:
    found = consistency(version)
    interval = found.interval
    if interval is None:
        return found.reason
    between = "" if interval.low is None else f", 95 % interval {interval.low:.3f} to {interval.high:.3f}"
    return f"The same label in {interval.value:.3f} of all pairs of repeats{between} ({interval.n} turns)."
