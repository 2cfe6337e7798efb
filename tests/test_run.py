"""`make run` with real processes on a free port: starts, is ready, stops cleanly, and recovers from being killed."""

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from shutil import copy

import psutil
import pytest

from ragsite import neighbours

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_SECONDS = 150  # the first time; on a machine that does other things too


class Site:
    """A run on its own data and port, in a session of its own as `make run` has under a service manager."""

    def __init__(self, data_dir: Path, log: Path, handbook: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {**os.environ, "RAGSITE_DATA_DIR": str(data_dir), "PORT": str(self.port)}
        # Two pages of the handbook: all would be embedded for half a minute. test_docs.py reads all of them.
        environment["RAGSITE_SAMPLE_DOCUMENTS"] = str(handbook)
        for name in ("DATABASE_URL", "RAGSITE_ADMIN_PASSWORD", "DJANGO_SETTINGS_MODULE", "HOST"):
            environment.pop(name, None)
        self.data_dir, self.log = data_dir, log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ragsite.run"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_until_ready(self) -> dict:
        """Wait for /readyz and for the box on the terminal; return what /readyz says."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said
            status, content = self.get("/readyz")
            if status == 200 and "ragsite is ready" in self.said:
                return json.loads(content)
            time.sleep(0.2)
        raise AssertionError(f"not ready: {content}\n{self.said}")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def leftovers(self) -> list[str]:
        """Processes that carry the data folder in their environment or command, the run itself left out."""
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.environ().get(neighbours.RUN_DATA_DIR) == str(self.data_dir)
                if is_ours or any(str(self.data_dir) in part for part in process.cmdline()):
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
            except psutil.Error:
                continue
        return found

    def wait_until_gone(self) -> None:
        deadline = time.monotonic() + 30
        while left := self.leftovers():
            assert time.monotonic() < deadline, left
            time.sleep(0.2)


class Runs:
    """All runs on one data folder. A start takes several seconds, so that a test takes over what another left."""

    def __init__(self, data_dir: Path, logs: Path) -> None:
        self.data_dir, self.logs = data_dir, logs
        self.sites: list[Site] = []
        self.handbook = logs / "handbook"
        self.handbook.mkdir()
        for name in ("getting-started.md", "glossary.md"):
            copy(ROOT / "docs" / name, self.handbook)

    def start(self) -> Site:
        self.sites.append(Site(self.data_dir, self.logs / f"{len(self.sites)}.log", self.handbook))
        return self.sites[-1]

    def ready(self) -> Site:
        """Return the run that there is, or another, once it is ready."""
        site = next((site for site in self.sites if site.process.poll() is None), None) or self.start()
        site.wait_until_ready()
        return site

    def end(self) -> None:
        """Whatever the tests did, nothing of it is left afterwards."""
        for site in self.sites:
            if site.process.poll() is None:
                site.process.terminate()
                site.process.wait(timeout=60)
        neighbours.end_leftovers(self.data_dir)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    runs = Runs(tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("logs"))
    yield runs
    runs.end()


def sign_in(site: Site, name: str, password: str) -> str:
    """Sign in as a browser does; return the address where it leads."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    url = f"http://127.0.0.1:{site.port}/accounts/login/"
    with opener.open(url, timeout=20) as response:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', response.read().decode())[1]
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "login": name, "password": password})
    with opener.open(urllib.request.Request(url, form.encode(), {"Referer": url}), timeout=20) as response:
        return urllib.parse.urlsplit(response.url).path


@pytest.mark.slow
def test_first_start_is_usable_and_stops_on_ctrl_c(runs):
    site = runs.start()

    checks = site.wait_until_ready()["checks"]
    password = re.search(r"admin, password (\S+) \(shown this once\)", site.said)[1]
    landed = sign_in(site, "admin", password)
    site.process.send_signal(signal.SIGINT)
    status = site.process.wait(timeout=60)

    assert all(check["ok"] for check in checks.values())
    assert f"http://127.0.0.1:{site.port}/" in site.said
    assert re.search(r"Documents: 2\b", site.said)
    assert "quoted from the documents" in site.said
    assert landed == "/"
    assert status == 0
    assert site.said.rstrip().endswith("Stopped.")
    assert "Traceback" not in site.said
    site.wait_until_gone()


@pytest.mark.slow
def test_second_run_on_the_same_data_is_refused(runs):
    first = runs.ready()

    second = runs.start()
    status = second.process.wait(timeout=60)

    assert status == 1
    assert "it runs already" in second.said
    assert "RAGSITE_DATA_DIR" in second.said
    assert first.get("/healthz")[0] == 200


@pytest.mark.slow
def test_start_after_a_kill_ends_what_was_left(runs):
    killed = runs.ready()
    killed.process.kill()
    killed.process.wait()
    children = [line for line in killed.leftovers() if "uvicorn" in line]

    again = runs.ready()
    status, _ = killed.get("/healthz")

    assert children, "the web process outlives a killed run"
    assert again.process.pid != killed.process.pid
    assert status == 0, "nobody listens on the killed run's port"


@pytest.mark.slow
def test_sigterm_to_the_whole_group_stops_everything(runs):
    site = runs.ready()

    os.killpg(site.process.pid, signal.SIGTERM)
    status = site.process.wait(timeout=60)

    assert status == 0
    assert "password" not in site.said.replace("forgot the password", "").replace("changepassword", "")
    assert "Traceback" not in site.said
    site.wait_until_gone()


def refused(**environment: str) -> str:
    """Run with a wrong environment; return what is said, which starts nothing."""
    result = subprocess.run(
        [sys.executable, "-m", "ragsite.run"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.slow
def test_taken_port_is_named_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = refused(PORT=str(port), RAGSITE_DATA_DIR=str(tmp_path))

    assert f"port {port} on 127.0.0.1 is taken" in said
    assert f"PORT={port + 1} make run" in said
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1"])
def test_wrong_port_is_refused(port):
    with pytest.raises(neighbours.StartRefusedError, match="number from 1 to 65535"):
        neighbours.port_number(port)


def test_wrong_host_is_refused():
    with pytest.raises(neighbours.StartRefusedError, match="no address of this machine"):
        neighbours.require_free_port("no-such-host.invalid", 8000)


@pytest.mark.slow
def test_wrong_setting_is_named_without_a_traceback(tmp_path):
    said = refused(PORT="0", RAGSITE_DATA_DIR=str(tmp_path))

    assert 'PORT is "0"' in said
