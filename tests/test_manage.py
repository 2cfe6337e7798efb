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
