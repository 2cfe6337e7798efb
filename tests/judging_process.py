"""Worker processes for tests and benchmarks that kill them.

`Workers` starts one process that loads Django, and forks from it each worker that judges what is due over and over, as
the cluster's worker does, until it is killed.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import django

ROOT = Path(__file__).resolve().parent.parent


class Workers:
    """Workers on the database and the models that `environment` names."""

    def __init__(self, environment: dict[str, str], *, lease_seconds: float, concurrency: int) -> None:
        command = [sys.executable, "-m", "tests.judging_process", str(lease_seconds), str(concurrency)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self) -> int:
        """Start a worker and return the id of its process."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("start\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        """Kill a worker and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{pid}"):  # noqa: PTH110 # not a path of ours
            time.sleep(0.005)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    django.setup()
    from monitoring.judging.worker import work_on_due

    lease_seconds, concurrency = float(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a worker ended
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            while True:
                work_on_due(time.monotonic() + 30, lease_seconds=lease_seconds, concurrency=concurrency)
                time.sleep(0.05)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
