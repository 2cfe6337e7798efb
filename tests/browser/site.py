"""A real site for real browsers: uvicorn in processes of their own, on a database and a data folder of their own, so
that several test runs and pytest-xdist's workers do not meet. The model is the scripted one, in a thread."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.conftest import ROOT
from tests.databases import own_database
from tests.fakes import FakeLLM

PASSWORD = "correct-horse-battery"

MANUAL = """# Pump manual

## Starting the pump

Press the green button for three seconds to start the pump. The lamp turns green when it runs.

## Stopping the pump

Press the red button once to stop the pump. Never pull the plug while it runs.

## Cleaning

Clean the filter of the pump every four weeks with warm water.
"""

# One process for all of it: each would need two seconds to load Django.
PREPARE = f"""
import sys
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from chat.services.configs import ensure_default_config
get_user_model().objects.create_superuser("root", "root@example.com", {PASSWORD!r})
call_command("ingest", sys.argv[1], collection="manuals")
ensure_default_config()
"""


@dataclass
class Site:
    """The running site, and what a test may ask it behind its back."""

    url: str
    database_url: str
    llm: FakeLLM
    environment: dict[str, str]

    def rows(self, statement: str, *values: object) -> list[tuple]:
        """Return the rows of a query."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement, values).fetchall()


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Run a site with one administrator ("root"), a collection "manuals", and the scripted model as "fake/..."."""
    with own_database(f"browser_{os.getpid()}") as database_url, FakeLLM() as llm:
        environment = os.environ | {
            "DATABASE_URL": database_url,
            "RAGSITE_DATA_DIR": str(data_folder(folder)),
            "LLM_PROVIDERS": f"fake={llm.base_url}",
            "RAGSITE_DEFAULT_MODEL": "fake/default",
            "LLM_MAX_ATTEMPTS": "1",
            "RAGSITE_REVIEW_SAMPLE_RATE": "0",  # a test says itself what is reviewed, and by how many
            "RAGSITE_REVIEW_DOUBLE_RATE": "0",
            "RAGSITE_SIGNUPS_PER_MINUTE": "1000",  # all tests come from one address
            "RAGSITE_WEBHOOK_NETWORKS": "127.0.0.0/8",  # where tests listen
        }
        manuals = folder / "manuals"
        manuals.mkdir()
        (manuals / "pump.md").write_text(MANUAL)
        prepare = [sys.executable, "-c", PREPARE, str(manuals)]
        subprocess.run(prepare, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        with web_process(environment) as (url, _):
            yield Site(url, database_url, llm, environment)


@contextmanager
def web_process(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a web process as the Procfile does; yields its address once it answers, and the process, to kill."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    # The streams that a test left open are cut off after a second.
    options = ["--ws", "none", "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "1"]
    command = [sys.executable, "-m", "uvicorn", "ragsite.asgi:application", "--port", str(port), *options]
    with ending(subprocess.Popen(command, cwd=ROOT, env=environment)) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/healthz", process)
        yield url, process


@contextmanager
def worker_process(environment: dict[str, str]) -> Iterator[None]:
    """Run the worker, which takes in uploads."""
    command = [sys.executable, "manage.py", "qcluster", "--skip-checks"]
    with ending(subprocess.Popen(command, cwd=ROOT, env=environment)):
        yield


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a process when the block is left, however."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def data_folder(folder: Path) -> Path:
    """Return a new data folder that shares nothing with the tests' own but the embedder's files."""
    shared, own = Path(os.environ["RAGSITE_DATA_DIR"]) / "models", folder / "data"
    shared.mkdir(parents=True, exist_ok=True)
    own.mkdir()
    (own / "models").symlink_to(shared.resolve())
    return own


def wait_for(url: str, process: subprocess.Popen[bytes], timeout_seconds: float = 60) -> None:
    """Wait until something answers, and no longer than the process lives."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the site ended with status {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing answers at {url}")
