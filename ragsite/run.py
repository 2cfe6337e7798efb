"""`make run`: everything in one terminal, stopped together.

Starts the embedded PostgreSQL when DATABASE_URL is unset, prepares the database, then runs the processes of the
Procfile until Ctrl-C or SIGTERM. Children stop first, the database last. They carry the id of their run and its data
folder in their environment, by which the next start finds what a killed run left behind.
"""

import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import NoReturn

import honcho.manager
from environs import Env, EnvError
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from ragsite import embedded, neighbours
from ragsite.preparation import Preparation

BASE_DIR = Path(__file__).resolve().parent.parent
# Once a process has ended the others have this long: the web process gives open streams 3 seconds, then saves them.
honcho.manager.KILL_WAIT = 15
READY_TIMEOUT_SECONDS = 120


def main() -> NoReturn:
    started_at = time.monotonic()
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(run(started_at))
    except KeyboardInterrupt:
        say("Stopped.")
        sys.exit(130)
    except (neighbours.StartRefusedError, embedded.EmbeddedDatabaseError, EnvError) as error:
        sys.exit(f"ragsite cannot start: {error}")


def run(started_at: float) -> int:
    """Start everything, wait for its end, return the exit status."""
    Env().read_env(BASE_DIR / ".env", override=False)
    host, port = os.environ.get("HOST") or "127.0.0.1", neighbours.port_number(os.environ.get("PORT") or "8000")
    data_dir = embedded.default_data_dir()
    neighbours.end_leftovers(data_dir)
    neighbours.require_free_port(host, port)
    embedded.provide(data_dir)

    os.environ.update(neighbours.marks(data_dir))
    os.environ.update({"HOST": host, "PORT": str(port), "PYTHONUNBUFFERED": "1"})
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    commands = parse_procfile((BASE_DIR / "Procfile").read_text()).processes
    url = f"http://{_reachable(host)}:{port}/"
    with Preparation(data_dir) as preparation:
        preparation.wait_unless_done_before()
        announcement = threading.Thread(target=_announce, args=(url, preparation, data_dir, started_at), daemon=True)
        manager = honcho.manager.Manager(_PlainPrinter(len(commands), announcement))
        for name, command in commands.items():
            manager.add_process(name, command, cwd=str(BASE_DIR))
        manager.loop()
    say("Stopped.")
    return 0 if manager.returncode in (130, 143) else int(manager.returncode or 0)


def _announce(url: str, preparation: Preparation, data_dir: Path, started_at: float) -> None:
    """Wait until the site answers, then say where it is."""
    try:
        facts = preparation.facts()
    except neighbours.StartRefusedError as error:
        say(f"ragsite cannot go on: {error}")
        os.kill(os.getpid(), signal.SIGTERM)
        return
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while not _answers(url):
        if time.monotonic() > deadline:
            say(f"The site does not answer at {url} after {READY_TIMEOUT_SECONDS} s; the log above may say why.")
            return
        time.sleep(0.2)
    lines = [
        f"ragsite is ready at {url} ({time.monotonic() - started_at:.1f} s)",
        "",
        *facts,
        *_how_others_come(),
        f"Data:      {data_dir}",
        "Stop:      Ctrl-C",
    ]
    width = max(len(line) for line in lines)
    frame = f"+{'-' * (width + 2)}+"
    say("\n".join([frame, *(f"| {line.ljust(width)} |" for line in lines), frame]))


def _how_others_come() -> list[str]:
    """Say what is missing when the site listens for other machines and still knows no name but its own."""
    if os.environ["HOST"] in ("127.0.0.1", "localhost", "::1") or os.environ.get("RAGSITE_ALLOWED_HOSTS"):
        return []
    return ["Others:    are refused until RAGSITE_ALLOWED_HOSTS names this machine as they call it"]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=2):  # noqa: S310 # our own address
            return True
    except urllib.error.HTTPError:
        return True  # such as 400 where RAGSITE_ALLOWED_HOSTS does not name this address: it answers
    except OSError:
        return False


def _reachable(host: str) -> str:
    """Return the name under which this machine reaches a server that listens on `host`."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 # a comparison
    return f"[{local}]" if ":" in local and not local.startswith("[") else local


class _PlainPrinter(Printer):  # type: ignore[misc] # honcho has no types
    """Passes on what the processes write, without honcho's own remarks; when all have started, starts `then`. Not
    earlier: honcho forks, and a fork copies the locks that other threads hold."""

    def __init__(self, process_count: int, then: threading.Thread) -> None:
        super().__init__(sys.stdout, prefix=False)
        self._missing, self._then = process_count, then

    def write(self, message: Message) -> None:
        if message.name != honcho.manager.SYSTEM_PRINTER_NAME:
            super().write(message)
        elif " started " in message.data:
            self._missing -= 1
            if self._missing == 0:
                self._then.start()


def _leave(signal_number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal_number)  # an orderly exit, which stops the database


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
