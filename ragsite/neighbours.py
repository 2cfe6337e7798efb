"""Who else is on this machine: another run on the same data, what a killed run left behind, and who has the port."""

import os
import socket
from pathlib import Path

import psutil

# Set in the environment of a run's children.
RUN_PID = "RAGSITE_RUN_PID"
RUN_DATA_DIR = "RAGSITE_RUN_DATA_DIR"


class StartRefusedError(Exception):
    """The site cannot be started here; the message says what to do."""


def marks(data_dir: Path) -> dict[str, str]:
    """Return the variables by which children of this process are known as its own."""
    return {RUN_PID: str(os.getpid()), RUN_DATA_DIR: str(data_dir)}


def end_leftovers(data_dir: Path) -> None:
    """End processes that a killed run on the same data left behind; refuse when that run lives."""
    left: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue  # gone, or someone else's
        if environment.get(RUN_DATA_DIR) != str(data_dir):
            continue
        run = int(environment.get(RUN_PID, "0"))
        if run == os.getpid():
            continue
        if _is_a_run(run):
            raise StartRefusedError(
                f"it runs already on {data_dir} (process {run}). Stop it there with Ctrl-C, or set RAGSITE_DATA_DIR "
                "and PORT to run a second one with data of its own."
            )
        left.append(process)
    for process in left:
        process.terminate()
    for process in psutil.wait_procs(left, timeout=10)[1]:
        process.kill()


def _is_a_run(pid: int) -> bool:
    try:
        return "ragsite.run" in psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return False


def port_number(text: str) -> int:
    """Return the port that PORT names."""
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise StartRefusedError(f'PORT is "{text}"; it must be a number from 1 to 65535.')
    return int(text)


def require_free_port(host: str, port: int) -> None:
    """Raise StartRefusedError when nobody can listen on `host` and `port`."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does it
            probe.bind(where)
    except socket.gaierror as error:
        raise StartRefusedError(f'HOST is "{host}", which is no address of this machine ({error.strerror}).') from error
    except OSError as error:
        if isinstance(error, PermissionError):
            raise StartRefusedError(
                f"port {port} is reserved for the system; choose another: PORT=8001 make run"
            ) from error
        raise StartRefusedError(
            f"port {port} on {host} is taken{_by_whom(port)}. Stop that, or choose another: PORT={port + 1} make run"
        ) from error


def _by_whom(port: int) -> str:
    """Return " by NAME (process N)" where the system says so."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
