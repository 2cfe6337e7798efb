"""The README's tree is the repository's. Who may import whom is checked by `make lint`."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNNAMED = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", ".gitignore", ".dockerignore", ".ci"}


def tree_in_readme() -> set[str]:
    """The paths of the tree, folders without their slash."""
    block = re.search(r"## Where things are\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    found, parent = set(), ""
    for line in block.splitlines():
        names, _, _ = line.strip().partition("  ")
        for name in names.split(", "):
            path = name.rstrip("/")
            if not line.startswith(" "):
                parent = path
                found.add(path)
            else:
                found.add(f"{parent}/{path}")
    return found


def tracked_files() -> list[str]:
    output = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return output.splitlines()


def test_everything_in_the_tree_exists():
    missing = {path for path in tree_in_readme() if not (ROOT / path).exists()}

    assert missing == set()


def test_everything_at_the_top_is_in_the_tree():
    top = {path.partition("/")[0] for path in tracked_files()}

    assert top - UNNAMED == {path for path in tree_in_readme() if "/" not in path}


def test_no_file_is_too_long_to_read():
    long = {
        path: lines
        for path in tracked_files()
        if path.endswith(".py") and "/migrations/" not in path and not path.startswith(("tests/", "bench/"))
        if (ROOT / path).exists() and (lines := len((ROOT / path).read_text().splitlines())) > 350
    }

    assert long == {}
