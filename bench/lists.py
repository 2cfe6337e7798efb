"""Long lists of the admin: how long a page takes, by filter and by searched word, with many turns.

Measured is the whole request by Django's test client in one process: filters, count, page, template. The database is
one of its own, made and dropped here, filled with synthetic traffic over 90 days (monitoring.synthetic.traffic);
`--here` measures the site's own database instead, which must have a superuser. Prints one JSON object a line.

    python -m bench.lists [--turns 100000] [--repeats 10] [--here]
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"

from ragsite import embedded

embedded.provide()

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases, setup_test_environment, teardown_databases
from django.urls import reverse
from django.utils import timezone

from chat.models import Turn
from monitoring.models import Score
from monitoring.reports import refresh
from monitoring.synthetic.traffic.copying import copy_world
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.world import WorldArguments, plan_world

LIMIT_SECONDS = 1.0
# Words by how many questions have them: nearly all, some, none.
WORDS = {"common": "what", "frequent": "model", "two_words": "what model", "rare": "backup", "none": "zyzzogeton"}
TURNS = {
    "all": "",
    "oldest": "page=oldest",
    "origin": "origin=SYNTHETIC",
    "answered": "outcome=answered",
    "failed": "outcome=failed",
    "refused": "outcome=refused",
    "empty": "outcome=empty",
    "vote_down": "vote=down",
    "vote_none": "vote=none",
    "failing": "failing=groundedness",
    "stopped": "status__exact=STOPPED",
    "replaced": "replaced=yes",
    "unknown_cost": "unknown_cost=yes",
    "answer_holds": "answer=zyzzogeton",
    **{f"search_{name}": f"q={word}" for name, word in WORDS.items()},
    "search_common_failed": "q=what&outcome=failed",
}
CONVERSATIONS = {
    "all": "",
    "thumbs_down": "thumbs_down=yes",
    "failed": "failed=yes",
    "deleted": "deleted=yes",
    **{f"search_{name}": f"q={word}" for name, word in WORDS.items()},
}
FEEDBACK = {
    "all": "",
    "down": "value__exact=-1",
    "comment": "comment=yes",
    "reason": "reason=HARMFUL",
    **{f"search_{name}": f"q={word}" for name, word in WORDS.items()},
}
SCORES = {
    "all": "",
    "criterion": "criterion=groundedness",
    "label": "criterion=groundedness&label=UNSUPPORTED",
    "label_alone": "label=TOXIC",
    "unscored": "verdict=failed",
    "waits": "verdict=waits",
    "by_reviewers": "source__exact=REVIEWER",
    "origin": "origin=SYNTHETIC",
    "other_origin": "origin=API",
    **{f"search_{name}": f"q={word}" for name, word in WORDS.items()},
}
LISTS = {
    "chat_turn": TURNS,
    "chat_conversation": CONVERSATIONS,
    "chat_feedback": FEEDBACK,
    "monitoring_score": SCORES,
}


def show(figure: str, value: float, against: object, **more: object) -> None:
    line = {"figure": figure, "value": round(value, 4), "unit": "s", "against": against, **more}
    print(json.dumps(line), flush=True)


def fill(turns: int) -> None:
    call_command("ingest", str(ROOT / "docs"), collection="handbook", verbosity=0)
    arguments = WorldArguments(days=90, turns=turns, seed=7, until=timezone.now())
    copy_world(plan_world(arguments, read_library(seed=7)))
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def addresses() -> Iterator[tuple[str, str]]:
    """Yield the name of each figure, and the address of its page."""
    for name, queries in LISTS.items():
        for query_name, query in queries.items():
            yield f"list_{name.partition('_')[2]}_{query_name}", f"{reverse(f'admin:{name}_changelist')}?{query}"


def measure(client: Client, figure: str, address: str, repeats: int) -> float:
    """Print how long a page takes; return its median."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        response = client.get(address)
        times.append(time.perf_counter() - begin)
        assert response.status_code == 200, (address, response.status_code)
    listed = response.context["cl"]
    p95 = quantiles(times[1:], n=20, method="inclusive")[18] if repeats > 1 else times[-1]
    more = {"rows": len(listed.result_list), "count": listed.count_text, "problems": listed.problems}
    show(f"{figure}_p50_seconds", median(times[1:]), LIMIT_SECONDS, p95=round(p95, 4), first=round(times[0], 4), **more)
    return median(times[1:])


def measure_all(repeats: int, only: str) -> None:
    client = Client()
    client.force_login(get_user_model().objects.filter(is_superuser=True)[0])
    found = {name: measure(client, name, url, repeats) for name, url in addresses() if only in name}
    slowest = max(found, key=lambda name: found[name])
    facts = {"turns": Turn.objects.count(), "scores": Score.objects.count(), "load": round(os.getloadavg()[0], 1)}
    show("list_slowest_p50_seconds", found[slowest], LIMIT_SECONDS, which=slowest, pages=len(found), **facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--here", action="store_true", help="measure the site's own database")
    parser.add_argument("--only", default="", help="figures whose name holds this")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    setup_test_environment()  # keeps what templates were given
    if arguments.here:
        measure_all(arguments.repeats, arguments.only)
        return
    old = setup_databases(verbosity=0, interactive=False)
    try:
        get_user_model().objects.create_superuser("bench")
        fill(arguments.turns)
        measure_all(arguments.repeats, arguments.only)
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
