"""The options of simulate_traffic, read and held against each other before anything is written."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import CommandError
from django.utils import timezone

from monitoring.synthetic.traffic.habits import USERS_LIMIT, USERS_MIN
from monitoring.synthetic.traffic.profiles import EFFECT_MAX, EFFECT_MIN
from monitoring.synthetic.traffic.world import WorldArguments

# An option that means something only with another one: alone it would be left out in silence, and a month be written.
_ONLY_WITH = {"through_chat": "live", "seconds": "live", "older_than": "remove"}
_YEARS = (2000, 2100)


def check_options(options: dict[str, Any]) -> None:
    """Raise CommandError for options that contradict each other or that cannot be, whatever is asked for."""
    if options["live"] and options["remove"]:
        raise CommandError("--live and --remove: choose one of them.")
    for name, other in _ONLY_WITH.items():
        if options[name] not in (None, False) and not options[other]:
            raise CommandError(f"--{name.replace('_', '-')} goes with --{other} only.")
    if options["truth"] and (options["live"] or options["remove"]):
        raise CommandError("--truth is of a history; it goes neither with --live nor with --remove.")
    if options["older_than"] is not None and not 0 <= options["older_than"] <= 36500:
        raise CommandError("--older-than is 0 to 36500 days.")
    if options["seconds"] is not None and not options["seconds"] > 0:
        raise CommandError("--seconds is more than 0.")
    if not 0 < options["rate"] <= 1000:
        raise CommandError("--rate is more than 0 and at most 1000 questions a second.")
    if options["seed"] < 0:
        raise CommandError("--seed is 0 or more.")
    try:
        ZoneInfo(options["zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CommandError(f'There is no time zone "{options["zone"]}"; one is "Europe/Berlin".') from error


def world_arguments(options: dict[str, Any]) -> WorldArguments:
    """Return what the world is made from. Raises CommandError for what cannot be."""
    if not 1 <= options["days"] <= 3650:
        raise CommandError("--days is 1 to 3650.")
    if options["turns"] < 1:
        raise CommandError("--turns is 1 or more.")
    if options["users"] is not None and not USERS_MIN <= options["users"] <= USERS_LIMIT:
        raise CommandError(f"--users is {USERS_MIN} to {USERS_LIMIT:,}.")
    if not EFFECT_MIN <= options["effect"] <= EFFECT_MAX:
        raise CommandError(f"--effect is {EFFECT_MIN} to {EFFECT_MAX}.")
    return WorldArguments(
        days=options["days"],
        turns=options["turns"],
        seed=options["seed"],
        until=_until(options["until"], options["zone"]),
        zone=options["zone"],
        quiet=options["quiet"],
        effect=options["effect"],
        users=options["users"],
    )


def check_truth_file(path: Path) -> None:
    """Raise CommandError for a file that could not be written when the history is, minutes later."""
    place = path if path.exists() else path.parent
    if path.is_dir() or not place.exists() or not os.access(place, os.W_OK):
        raise CommandError(f"--truth: {path} cannot be written; name a file in a folder that is there.")


def _until(text: str | None, zone: str) -> datetime:
    if not text:
        return timezone.now().replace(second=0, microsecond=0)
    try:
        until = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f'--until is a time such as 2026-06-30T18:00Z, not "{text}".') from error
    if not _YEARS[0] <= until.year < _YEARS[1]:
        raise CommandError(f"--until is a time between {_YEARS[0]} and {_YEARS[1]}.")
    return until if until.tzinfo else until.replace(tzinfo=ZoneInfo(zone))
