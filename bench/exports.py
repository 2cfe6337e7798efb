"""Exports of many turns by command, and importing them again: turns a second, and the memory of the process.

The turns are synthetic traffic over 90 days with all that belongs to it, in a database of its own, made and dropped
here. Each command is a process of its own. Prints one JSON object a line.

    python -m bench.exports [--turns 100000]
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from bench import lists  # sets up Django, before models can be imported
from chat.models import Turn
from tests.databases import address_of

FORMATS = ("jsonl", "parquet", "csv")


def show(figure: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit, "against": None, **more}), flush=True)


def run(*arguments: str) -> tuple[float, float]:
    """Run a command of manage.py; return its seconds and its peak memory in MB."""
    environment = os.environ | {"DATABASE_URL": address_of(connection.settings_dict["NAME"])}
    peak_mb, begin = 0.0, time.perf_counter()
    command = [sys.executable, str(lists.ROOT / "manage.py"), *arguments]
    with subprocess.Popen(command, cwd=lists.ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak_mb = max(peak_mb, _peak_mb(process.pid))
            time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} failed")
    return time.perf_counter() - begin, peak_mb


def _peak_mb(pid: int) -> float:
    """Return the peak so far; what the kernel says at a process's end counts the one that started it too."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0  # it has ended


def measure(folder: Path, turns: int) -> None:
    starting, least_mb = run("migrate", "--check")
    facts = {"turns": turns, "load": round(os.getloadavg()[0], 1)}
    for name in FORMATS:
        path = folder / f"turns.{name}"
        seconds, peak_mb = run("export_turns", str(path), "--origin", "SYNTHETIC")
        rate = turns / max(seconds - starting, 0.001)
        show(f"export_{name}_turns_per_second", rate, "1/s", file_mb=round(path.stat().st_size / 2**20), **facts)
        show(f"export_{name}_peak_rss_mb", peak_mb, "MB", of_any_command=round(least_mb))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE chat_conversation CASCADE")
    seconds, peak_mb = run("import_turns", str(folder / "turns.jsonl"), "--source", "bench")
    assert Turn.objects.filter(origin="SYNTHETIC").count() == turns
    show("import_jsonl_turns_per_second", turns / max(seconds - starting, 0.001), "1/s", **facts)
    show("import_jsonl_peak_rss_mb", peak_mb, "MB", of_any_command=round(least_mb))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    old = setup_databases(verbosity=0, interactive=False)
    try:
        lists.fill(arguments.turns)
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), Turn.objects.filter(origin="SYNTHETIC").count())
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
