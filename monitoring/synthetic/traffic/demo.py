"""Demo data: a month of synthetic history, so that dashboards are not empty on the first day. Made by the worker on
order, shown apart from users' figures because its origin is SYNTHETIC, and removed with one call."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from django_q.tasks import async_task

from chat.exceptions import ChatError
from chat.models import Turn
from chat.models.conversation import Origin
from monitoring.experiments.looks import look_back_at_made_up
from monitoring.reports import Filters, read, refresh
from monitoring.sole_process import Work, sole_process
from monitoring.synthetic.traffic.copying import analyze, copy_world
from monitoring.synthetic.traffic.removal import remove_synthetic
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.world import WorldArguments, plan_world

MAKE = "monitoring.synthetic.traffic.demo.make_demo"
REMOVE = "monitoring.synthetic.traffic.demo.unmake_demo"
DAYS, TURNS_PER_DAY, SEED = 30, 5_000, 7
# Points of the chart of its experiment: each counts all turns until then.
LOOK_EVERY = timedelta(days=1)
# A process at work says more often how far it is; one that is silent for so long is dead, or was never started.
SILENT_AFTER = timedelta(minutes=3)
_KEY = "monitoring.demo"


class Status(StrEnum):
    NONE = "NONE"
    RUNNING = "RUNNING"  # being made, or waiting for the worker
    REMOVING = "REMOVING"
    READY = "READY"


@dataclass(frozen=True, slots=True)
class DemoState:
    """`progress`: 0 to 1 while it is made. `since`, `until`: what the history spans; `error`: why the last order came
    to nothing, for people."""

    status: Status
    progress: float = 0.0
    turns: int = 0
    since: datetime | None = None
    until: datetime | None = None
    error: str = ""


def start_demo() -> DemoState:
    """Order the demo from the worker, unless it is there or on its way; return how things stand then."""
    state = demo_state()
    if state.status == Status.NONE:
        _say(Status.RUNNING, 0.0)
        async_task(MAKE)
    return demo_state()


def remove_demo() -> DemoState:
    """Have the worker remove all synthetic traffic; return how things stand then."""
    state = demo_state()
    if state.status == Status.READY:
        _say(Status.REMOVING, 0.0)
        async_task(REMOVE)
    return demo_state()


def demo_state() -> DemoState:
    """Return how things stand with synthetic traffic, also that of simulate_traffic. A few quick queries."""
    said: dict[str, Any] = cache.get(_KEY) or {}
    if said.get("status") in (Status.RUNNING, Status.REMOVING) and said["at"] > timezone.now() - SILENT_AFTER:
        return DemoState(Status(said["status"]), progress=said["progress"])
    times = Turn.objects.filter(origin=Origin.SYNTHETIC).values_list("created_at", flat=True)
    since, last = times.order_by("created_at").first(), times.order_by("-created_at").first()
    if since is None or last is None:
        return DemoState(Status.NONE, error=said.get("error", ""))
    until = last + timedelta(seconds=1)
    [row] = read("turns", Filters(since, until, origin=Origin.SYNTHETIC))
    return DemoState(Status.READY, 1.0, row["turns"], since, until)


def make_demo(*, days: int = DAYS, turns_per_day: int = TURNS_PER_DAY) -> str:
    """Make the demo, in the worker; return what happened. Another process that does so already is left to it."""
    with sole_process(Work.DEMO) as is_ours:
        if not is_ours:
            return "another process is at it"
        if Turn.objects.filter(origin=Origin.SYNTHETIC).exists():
            _say(Status.READY, 1.0)
            return "it is there"
        try:
            stored = _make(days, days * turns_per_day)
        except ChatError as error:
            _say(Status.NONE, 0.0, error=str(error))
            return f"not made: {error}"
        _say(Status.READY, 1.0)
        return f"{stored} turns"


def unmake_demo() -> str:
    """Remove all synthetic traffic, in the worker; return what happened."""
    with sole_process(Work.DEMO) as is_ours:
        if not is_ours:
            return "another process is at it"
        total = max(Turn.objects.filter(origin=Origin.SYNTHETIC).count(), 1)
        done = 0

        def on_turns(count: int) -> None:
            nonlocal done
            done += count
            _say(Status.REMOVING, min(done / total, 1.0))

        removed = remove_synthetic(on_turns=on_turns)
        _say(Status.NONE, 0.0)
        return f"removed {removed.get('turns', 0)} turns"


def _make(days: int, turns: int) -> int:
    _say(Status.RUNNING, 0.0)
    until = timezone.now().replace(second=0, microsecond=0)
    world = plan_world(WorldArguments(days, turns, SEED, until), read_library(seed=SEED))
    done = 0

    def on_turns(count: int) -> None:
        nonlocal done
        done += count
        _say(Status.RUNNING, done / turns)

    stored = copy_world(world, on_turns=on_turns)
    analyze()
    refresh()  # or the first look at the dashboard would read each turn
    look_back_at_made_up(every=LOOK_EVERY)
    return stored


def _say(status: Status, progress: float, *, error: str = "") -> None:
    cache.set(_KEY, {"status": status.value, "progress": progress, "at": timezone.now(), "error": error}, None)
