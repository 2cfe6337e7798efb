"""Prometheus itself: its tool checks and tests the rules, and it really scrapes a running site of two web processes."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection

from chat.models import Turn
from tests.factories import make_config, make_conversation, make_turn
from tests.scraped import Scrape

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
TOKEN = "a-token-of-the-tests"

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="needs Prometheus (Debian: apt-get install prometheus)",
)


@pytest.fixture
def configured(tmp_path) -> Path:
    """The folder as it is deployed, with a token, and everything quick: no rule waits, all is asked each second."""
    folder = tmp_path / "prometheus"
    shutil.copytree(FOLDER, folder)
    (folder / "token").write_text(TOKEN)
    main = (folder / "prometheus.yml").read_text()
    main = main.replace("/run/secrets/metrics_token", "token").replace("interval: 30s", "interval: 1s")
    (folder / "prometheus.yml").write_text(main)
    alerts = (folder / "alerts.yml").read_text()
    (folder / "alerts.yml").write_text(re.sub(r"for: \w+", "for: 0s", alerts))
    return folder


@needs_prometheus
def test_promtool_finds_nothing_wrong(configured):
    checked = promtool("check", "config", "--lint-fatal", str(configured / "prometheus.yml"))

    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
@pytest.mark.parametrize("path", sorted(FOLDER.glob("tests/*.yml")), ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path):
    tested = promtool("test", "rules", str(path))

    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_prometheus
@pytest.mark.django_db
def test_promtool_finds_nothing_wrong_with_the_text_of_the_metrics(client):
    make_turn(first_token_seconds=0.3)
    text = client.get("/metrics").content

    checked = promtool("check", "metrics", stdin=text)

    # what the library of requests names is not ours to change
    complaints = [line for line in (checked.stdout + checked.stderr).splitlines() if not line.startswith("django_")]
    assert complaints == []


@needs_prometheus
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_prometheus_scrapes_a_site_of_two_processes(configured, tmp_path):
    conversation, config = make_conversation(), make_config()
    for number in range(20):
        status = Turn.Status.FAILED if number % 2 else Turn.Status.DONE
        make_turn(conversation=conversation, config=config, status=status, first_token_seconds=0.4)

    with site(processes=2) as url:
        counts = [requests_counted(url) for _ in range(6)]
        kill_one_process(url)
        counts.append(requests_counted(url))
        with prometheus(configured, tmp_path / "data", url) as ask:
            turns = ask('ragsite_turns_total{origin="USER",outcome="answered"}')
            recorded = ask("ragsite:http_request_seconds:p95_5m", give_up=False)
            firing = ask('ALERTS{alertname="RagsiteErrorRate",alertstate="firing"}')
            down = ask('up{job="ragsite"} == 0', give_up=False, seconds=0)
            histogram = ask('histogram_quantile(0.5, ragsite_turn_stage_seconds_bucket{stage="first_token"})')

    # Each scrape counts the ones before it, whichever process it reaches, and also those of one that died.
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    assert turns == [10.0]
    assert len(firing) == 1
    assert down == []
    assert recorded is not None
    assert histogram == [pytest.approx(0.4, rel=0.45)]


def promtool(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], input=stdin.decode(), capture_output=True, text=True)


@contextmanager
def site(*, processes: int) -> Iterator[str]:
    """Run web processes on the tests' database; yields their address."""
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else ""),
        "RAGSITE_METRICS_TOKEN": TOKEN,
        "RAGSITE_LOG_LEVEL": "ERROR",
    }
    port = free_port()
    options = ["--ws", "none", "--no-access-log", "--log-level", "error", "--timeout-graceful-shutdown", "1"]
    command = [sys.executable, "-m", "uvicorn", "ragsite.asgi:application", "--port", str(port), *options]
    with running([*command, "--workers", str(processes)], environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: fetch(f"{url}/healthz") is not None, process)
        yield url


@contextmanager
def prometheus(folder: Path, data: Path, site_url: str) -> Iterator[Any]:
    """Run Prometheus on a site; yields a function that asks it until it knows, and returns the values."""
    main = folder / "prometheus.yml"
    main.write_text(main.read_text().replace("web:8000", site_url.removeprefix("http://")))
    port = free_port()
    options = [f"--config.file={main}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}"]
    with running(["prometheus", *options, "--log.level=error"], os.environ.copy()) as process:

        def ask(query: str, *, give_up: bool = True, seconds: float = 60) -> list[float]:
            values: list[float] = []

            def answered() -> bool:
                address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
                content = fetch(address)
                results = json.loads(content)["data"]["result"] if content else []
                values[:] = [float(result["value"][1]) for result in results]
                return bool(values)

            if not give_up:
                answered()
            else:
                wait_until(answered, process, seconds)
            return values

        yield ask


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def requests_counted(url: str) -> int:
    """Return how many requests for metrics the site says that it had."""
    content = fetch(f"{url}/metrics")
    assert content is not None
    said = Scrape(content).value("django_http_requests_total_by_view_transport_method_total", view="metrics")
    return int(said or 0)


def kill_one_process(url: str) -> None:
    """Kill a web process, and wait until the other answers."""
    port = int(url.rpartition(":")[2])
    parent = next(one for one in psutil.Process().children() if str(port) in one.cmdline())
    workers = [one for one in parent.children() if "spawn_main" in " ".join(one.cmdline())]
    assert len(workers) == 2
    workers[0].send_signal(signal.SIGKILL)
    workers[0].wait(10)


def fetch(url: str) -> str | None:
    """Return what an address says; None where nothing answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.read().decode()
    except OSError:
        return None


def wait_until(is_so: Any, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None, f"ended with status {process.returncode}"
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
