"""manage.py itself, as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


# what fits into a buffer is written at the end, what does not in the middle of the command
@pytest.mark.parametrize("arguments", [["help"], ["diffsettings", "--all"]], ids=" ".join)
def test_command_whose_reader_has_seen_enough_ends_quietly(arguments):
    reading, writing = os.pipe()
    os.close(reading)

    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    os.close(writing)
    assert (result.returncode, result.stderr) == (141, "")


def test_preparing_a_database_that_is_not_there_says_so_without_a_traceback(tmp_path):
    url = "postgresql://someone:secret-word@127.0.0.1:1/somewhere"
    environment = {**os.environ, "DATABASE_URL": url, "RAGSITE_DATA_DIR": str(tmp_path)}

    ended = subprocess.run(
        [sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "The database somewhere at 127.0.0.1:1 cannot be reached; see DATABASE_URL." in ended.stderr
    assert "Connection refused" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret-word" not in ended.stderr
