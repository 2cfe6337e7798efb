"""What a web process counts of its own work: requests by django-prometheus, its pool of connections, its line.

Where uvicorn runs several web processes, a scrape reaches any one of them. They then keep their counts in files of one
folder, by prometheus_client's own way, and each tells the sum: the counters of processes that ended stay in it, their
gauges do not.
"""

import os
import shutil
import tempfile
from multiprocessing import parent_process
from pathlib import Path

import psutil

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_counts() -> None:
    """Make and name the folder, where this is one of several processes of a server; before prometheus_client is
    imported, which looks for the name once.

    The folder is the parent's, by its number and the time at which it began, so that no counts of an earlier run are
    in it. Folders of servers that ended are removed. A server of another kind names a folder itself, by
    the same variable.
    """
    parent = parent_process()
    if parent is None or parent.pid is None or FOLDER_VARIABLE in os.environ:
        return
    began_at = psutil.Process(parent.pid).create_time()
    stem = f"ragsite-metrics-{os.getuid()}-"
    for old in Path(tempfile.gettempdir()).glob(f"{stem}*-*"):
        pid = old.name.removeprefix(stem).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.gettempdir()) / f"{stem}{parent.pid}-{began_at:.2f}"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ[FOLDER_VARIABLE] = str(folder)
