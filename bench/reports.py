"""Reports over millions of turns: how long a dashboard takes, from roll-ups and from the rows themselves, and what the
roll-ups cost those who write.

The database is one of its own, made and dropped here. The turns are synthetic traffic (monitoring.synthetic.traffic)
over 90 days with hits, calls, votes and scores, written as `manage.py simulate_traffic` does. Prints one JSON object a
line.

    python -m bench.reports [--turns 200000] [--repeats 5] [--no-raw]
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"

from ragsite import embedded

embedded.provide()

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone
from tqdm import tqdm

from chat.models import Turn
from chat.services.configs import ensure_default_config
from chat.services.conversations import start_conversation
from chat.services.feedback import give_feedback
from chat.services.turns import claim_turn, finish_turn
from monitoring.dashboard.choice import Choice
from monitoring.dashboard.drawing import draw
from monitoring.dashboard.panels import PANELS
from monitoring.dashboard.period import latest
from monitoring.dashboard.reading import Reader
from monitoring.dashboard.tables import GROUPS, group_table, purpose_rows, score_rows
from monitoring.dashboard.tiles import tiles
from monitoring.reports import refresh
from monitoring.synthetic.traffic.copying import copy_world
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.world import WorldArguments, plan_world
from tests.test_turns import RESULT

DAYS = 90
RAW_SECONDS = 300  # after which a page from the rows is given up
ASKED = 400  # turns that are written by the services, as the chat does
# Whether to note a change is asked by expressions in triggers, which PostgreSQL does not count: when a turn is begun,
# claimed and finished, and when its call is stored.
ASKED_A_TURN = 4
TIMES = 200_000
# What the triggers took of the time of those who write, as PostgreSQL counted.
TRIGGERS_SQL = """
SELECT coalesce(sum(total_time), 0) / 1000
  FROM pg_stat_user_functions
 WHERE schemaname = 'reports' AND funcname ~ '^note'
"""


def show(figure: str, value: float | None, unit: str, against: object, **more: object) -> None:
    rounded = None if value is None else round(value, 5)
    print(json.dumps({"figure": figure, "value": rounded, "unit": unit, "against": against, **more}), flush=True)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def value_of(statement: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return float(cursor.fetchone()[0])


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def trigger_seconds() -> float:
    execute("SELECT pg_stat_force_next_flush()")
    execute("SELECT pg_stat_clear_snapshot()")
    return value_of(TRIGGERS_SQL)


def fill(turns: int) -> None:
    """Write the world, then make the roll-ups of all of it at once, as the worker does hour by hour."""
    call_command("ingest", str(ROOT / "docs"), collection="handbook", verbosity=0)
    arguments = WorldArguments(days=DAYS, turns=turns, seed=7, until=timezone.now())
    world = plan_world(arguments, read_library(seed=7))
    before = trigger_seconds()
    with tqdm(total=turns, unit=" turns", disable=None) as bar:
        seconds = timed(lambda: copy_world(world, on_turns=bar.update))
    noting = trigger_seconds() - before
    execute("VACUUM ANALYZE")
    making = timed(refresh)
    execute("VACUUM ANALYZE")
    memory = psutil.Process().memory_info().rss / 2**20
    show("backfill_turns_per_second", turns / seconds, "1/s", 10_000, turns=turns, rss_mb=round(memory))
    show(
        "upkeep_of_copy_ratio",
        (noting + making) / seconds,
        "ratio",
        None,
        noting=noting,
        making=making,
        copying=seconds,
    )
    show("rollup_turns_per_second", turns / making, "1/s", None)
    bytes_of = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace {}"
    rollups = value_of(bytes_of.format("= 'reports'::regnamespace"))
    rows = value_of(bytes_of.format("= 'public'::regnamespace"))
    show(
        "rollup_bytes_ratio",
        rollups / rows,
        "ratio",
        None,
        rollup_mb=round(rollups / 2**20),
        rows_mb=round(rows / 2**20),
    )


def dashboard(name: str) -> None:
    """Everything that the dashboard's page reads and draws, without its template."""
    choice = Choice(latest(name, now=timezone.now(), zone=ZoneInfo("Europe/Berlin")), origin="SYNTHETIC")
    reader = Reader(choice)
    tiles(reader)
    for make in PANELS.values():
        panel = make(reader)
        if not panel.is_empty:
            draw(panel, choice, reader.steps)
    score_rows(reader)
    purpose_rows(reader)
    for group in GROUPS:
        group_table(reader, group)


def measure_dashboard(repeats: int) -> None:
    for name, limit in (("24h", 1.0), ("90d", 1.5)):
        times = [timed(lambda name=name: dashboard(name)) for _ in range(repeats + 1)]
        show(f"dashboard_{name}_seconds", median(times[1:]), "s", limit, first=round(times[0], 3), worst=max(times[1:]))


def measure_raw() -> None:
    """The same pages from the rows themselves, once each; null: given up. At millions of turns it takes very long."""
    execute("SET ragsite.reports = 'raw'")
    for name in ("24h", "90d"):
        giving_up = threading.Timer(RAW_SECONDS, connection.connection.cancel)
        giving_up.start()
        try:
            show(f"raw_{name}_seconds", timed(lambda name=name: dashboard(name)), "s", None)
        except OperationalError:
            show(f"raw_{name}_seconds", None, "s", None, given_up_after=RAW_SECONDS)
        finally:
            giving_up.cancel()
    execute("RESET ragsite.reports")


def seconds_of_asking() -> float:
    """Return what it takes to ask once whether a change must be noted: not, in the hour that goes on."""
    loop = "SELECT count(*) FROM generate_series(1, {}) AS n WHERE {}"
    with_it = timed(lambda: value_of(loop.format(TIMES, "reports.must_note(now() + n * interval '1 microsecond')")))
    without = timed(lambda: value_of(loop.format(TIMES, "now() + n * interval '1 microsecond' IS NULL")))
    return max(0.0, with_it - without) / TIMES


def measure_upkeep() -> None:
    """Turns by the services, as the chat writes them; the hour they are in is over when its roll-up is made."""
    ensure_default_config()
    user = get_user_model().objects.create_user("bench")

    def ask() -> None:
        for number in range(ASKED):
            turn = start_conversation(user=user, question="Why?")
            claim_turn(turn.pk)
            finish_turn(turn_id=turn.pk, status="DONE", result=RESULT)
            turn.refresh_from_db()
            if number % 5 == 0:
                give_feedback(turn=turn, user=user, value=1)

    ask()  # once for what is read and kept the first time
    before = trigger_seconds()
    writing = timed(ask)
    asking = seconds_of_asking() * ASKED_A_TURN * ASKED
    noting = trigger_seconds() - before + asking
    execute("UPDATE chat_turn SET created_at = created_at - interval '2 hours' WHERE origin = 'USER'")
    execute(
        "UPDATE chat_llmcall SET created_at = created_at - interval '2 hours'"
        " WHERE turn_id IN (SELECT id FROM chat_turn WHERE origin = 'USER')"
    )
    making = timed(refresh) / 2  # of twice as many turns
    turns = Turn.objects.filter(origin="USER").count()
    assert turns == 2 * ASKED
    show(
        "upkeep_of_services_ratio",
        (noting + making) / writing,
        "ratio",
        0.02,
        noting=noting,
        asking=asking,
        making=making,
        writing=writing,
    )
    show("upkeep_seconds_a_turn", (noting + making) / ASKED, "s", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-raw", action="store_true", help="leave out the same figures from the rows themselves")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)  # a line for each turn that the services finish
    old = setup_databases(verbosity=0, interactive=False)
    try:
        execute("SET track_functions = 'pl'")
        fill(arguments.turns)
        measure_dashboard(arguments.repeats)
        measure_upkeep()
        if not arguments.no_raw:
            measure_raw()
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
