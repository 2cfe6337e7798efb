"""Run once more, by themselves, tests that have failed among all others: three at most.

They wait for browsers, processes and a database that wait for a core and tidy up when they like, on machines of two
cores that do other things as well. Each is told, so that whoever looks sees a race; what fails again stays failed, and
so do more than three. In a process of their own, on a site and a database of their own.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

AT_MOST = 3
ROOT = Path(__file__).resolve().parent.parent
# What pytest remembers of its last run, and the group that pytest-xdist writes behind a test's name.
FAILED, GROUP = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed", re.compile(r"@[\w-]+-\d+$")
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]


def main() -> int:
    """Return 0 if each passes now."""
    names = sorted({GROUP.sub("", name) for name in json.loads(FAILED.read_text())}) if FAILED.exists() else []
    if not 0 < len(names) <= AT_MOST:
        print(f"{len(names)} tests failed; from 1 to {AT_MOST} would be run again.")
        return 1
    print("FAILED among the others, now run by themselves:", *names, sep="\n  ", flush=True)
    return subprocess.run([*PYTEST, *names], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
