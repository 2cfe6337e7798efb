"""Grouping questions into topics: how long the worker takes for as many as one order looks at, with how much memory.

The questions are those of synthetic traffic over 90 days, in a database of its own, made and dropped here: a few
hundred that are asked again and again, which is easy. `--different` puts a piece of the handbook in the place of each,
so that hardly two are the same. Prints one JSON object a line.

    python -m bench.topics [--turns 40000] [--different]
"""

import argparse
import json
import logging
import os
import resource
import time

from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from bench import lists  # sets up Django, before models can be imported
from chat.models import Turn
from monitoring.models import TopicRun, TopicTurn
from monitoring.topics import working
from monitoring.topics.orders import start_run

UNTIL_SECONDS = 3600.0

# Pieces of some sixty characters from anywhere in the handbook.
DIFFERENT_SQL = """
UPDATE chat_turn AS turn
   SET question = substr(piece.text, 1 + (hashint8(turn.id) & 65535) % greatest(length(piece.text) - 60, 1), 60),
       search_query = ''
  FROM (SELECT row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS total, text FROM chat_chunk) AS piece
 WHERE piece.place = turn.id % piece.total
"""


def show(figure: str, value: float, unit: str, against: object = None, **more: object) -> None:
    line = {"figure": figure, "value": round(value, 4), "unit": unit, "against": against, **more}
    print(json.dumps(line), flush=True)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure() -> None:
    run = start_run(origin="SYNTHETIC", days=90)
    before = peak_mb()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    status = working.work_on(run.pk, UNTIL_SECONDS)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    assert status == TopicRun.Status.DONE, status
    run.refresh_from_db()
    turns = Turn.objects.filter(pk__in=TopicTurn.objects.filter(run=run).values("turn"))
    facts = {
        "questions": run.total_turns,
        "different": turns.values("question").distinct().count(),
        "topics": run.topics.count(),
        "in_topics": TopicTurn.objects.filter(run=run, topic__isnull=False).count(),
        "load": round(os.getloadavg()[0], 1),
    }
    show("topics_seconds", seconds, "s", **facts)
    show("topics_processor_seconds", cpu, "s")
    show("topics_peak_rss_mb", peak_mb(), "MB", before=round(before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=2 * working.MOST_TURNS)
    parser.add_argument("--different", action="store_true", help="hardly two questions are the same")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    old = setup_databases(verbosity=0, interactive=False)
    try:
        lists.fill(arguments.turns)
        if arguments.different:
            with connection.cursor() as cursor:
                cursor.execute(DIFFERENT_SQL)
        measure()
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
