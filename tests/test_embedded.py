"""The embedded PostgreSQL: started, joined, stopped with its last user, and put right after what was killed.

Real servers in folders of their own, started by real processes.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from ragsite import embedded

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

HOLD = "from ragsite import embedded; print(embedded.provide(), flush=True); input()"


@pytest.fixture
def data_dir(tmp_path):
    """A data folder whose server is stopped at the end, whatever a test did."""
    yield tmp_path
    pid = server_pid(tmp_path)
    if pid:
        psutil.Process(pid).send_signal(signal.SIGQUIT)


@pytest.fixture
def hold(data_dir):
    """Start a process that holds the server until its input ends; returns it with the server's URL."""
    started = []

    def start() -> tuple[subprocess.Popen, str]:
        environment = {**os.environ, "RAGSITE_DATA_DIR": str(data_dir)}
        environment.pop("DATABASE_URL", None)
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def server_pid(data_dir: Path) -> int | None:
    """The id of the running server, None where none runs."""
    path = data_dir / "postgres" / "postmaster.pid"
    if not path.exists():
        return None
    pid = int(path.read_text().split("\n", 1)[0])
    return pid if psutil.pid_exists(pid) else None


def wait_until_stopped(data_dir: Path) -> None:
    deadline = time.monotonic() + 20
    while server_pid(data_dir):
        assert time.monotonic() < deadline, "the server still runs"
        time.sleep(0.1)


def test_server_has_vectors_and_stops_with_its_last_user(data_dir, hold):
    first, url = hold()
    second, second_url = hold()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        distance = connection.execute("SELECT '[3,4]'::vector <-> '[0,0]'::vector").fetchone()[0]

    first.communicate("\n", timeout=30)
    running_after_first = server_pid(data_dir)
    second.communicate("\n", timeout=30)

    assert url == second_url
    assert distance == 5.0
    assert running_after_first is not None
    wait_until_stopped(data_dir)


def test_sigterm_stops_the_server_too(data_dir, hold):
    process, _ = hold()

    process.terminate()
    status = process.wait(timeout=30)

    assert status == 128 + signal.SIGTERM
    wait_until_stopped(data_dir)


def test_killed_user_does_not_keep_the_server_running(data_dir, hold):
    killed, url = hold()
    killed.kill()
    killed.wait()

    other, other_url = hold()
    other.communicate("\n", timeout=30)

    assert other_url == url
    wait_until_stopped(data_dir)


def test_user_killed_while_another_works_does_not_keep_the_server_running(data_dir, hold):
    other, _ = hold()
    killed, _ = hold()
    killed.kill()
    killed.wait()

    other.communicate("\n", timeout=30)

    wait_until_stopped(data_dir)


def test_server_starts_again_after_a_power_cut(data_dir, hold):
    process, url = hold()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()
    process.wait()
    server = psutil.Process(server_pid(data_dir))
    for one in [server, *server.children(recursive=True)]:
        one.kill()
    psutil.wait_procs([server], timeout=10)
    # the id in the file belongs to another program by now: to this one
    pid_file = data_dir / "postgres" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(server.pid), str(os.getpid()), 1))

    again, url = hold()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    again.communicate("\n", timeout=30)
    wait_until_stopped(data_dir)


def test_server_that_cannot_start_says_where_its_log_is(data_dir, hold):
    process, _ = hold()
    process.communicate("\n", timeout=30)
    wait_until_stopped(data_dir)
    with (data_dir / "postgres" / "postgresql.conf").open("a") as handle:
        handle.write("no_such_setting = 1\n")

    with pytest.raises(embedded.EmbeddedDatabaseError, match=r"postgres/log"):
        embedded.start(data_dir)


def test_given_url_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/ragsite")

    assert embedded.provide(tmp_path) == "postgresql://elsewhere/ragsite"
    assert list(tmp_path.iterdir()) == []


def test_url_in_a_file_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/database_url")

    assert embedded.provide(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_list_of_holders_that_is_no_json_is_left_alone(tmp_path):
    (tmp_path / ".handle_pids.json").write_text("")

    embedded._forget_dead_holders(tmp_path)

    assert (tmp_path / ".handle_pids.json").read_text() == ""


def test_own_process_stays_a_holder(tmp_path):
    (tmp_path / ".handle_pids.json").write_text(json.dumps([os.getpid(), 4_194_304]))

    embedded._forget_dead_holders(tmp_path)

    assert json.loads((tmp_path / ".handle_pids.json").read_text()) == [os.getpid()]
