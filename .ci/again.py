"""Run once more, by themselves, the tests with a browser or with real processes that have failed among all others.

They wait for programs that wait for a core, on machines of two cores that do other things as well. Each is told; any
other test that failed, or more than three of these, stay failed. In processes of their own, on a site of their own.
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
NOTHING_COLLECTED = 5


def main() -> int:
    """Return 0 if each passes now."""
    names = sorted({GROUP.sub("", name) for name in json.loads(FAILED.read_text())}) if FAILED.exists() else []
    if not 0 < len(names) <= AT_MOST:
        print(f"{len(names)} tests failed; from 1 to {AT_MOST} would be run again.")
        return 1
    others = [*PYTEST, "--collect-only", "-q", "-m", "not browser and not slow", *names]
    if subprocess.run(others, cwd=ROOT).returncode != NOTHING_COLLECTED:
        print("What failed needs neither a browser nor processes, so it is not run again.")
        return 1
    print("FAILED among the others, now run by themselves:", *names, sep="\n  ", flush=True)
    return subprocess.run([*PYTEST, *names], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
