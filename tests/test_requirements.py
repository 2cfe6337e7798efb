"""The pinned requirements can be installed wherever the README says that they can."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
# Debian 12 has 3.11.2. What is pinned on a newer 3.11 may ask for that one.
OLDEST = "3.11.0"


@pytest.mark.parametrize("file", ["base.txt", "prod.txt", "dev.txt", "model.txt"])
def test_pinned_packages_want_no_newer_python_than_we_do(file):
    pinned = re.findall(r"(?m)^([\w.-]+)(?:\[[\w,-]+\])?==", (REQUIREMENTS / file).read_text())
    wanted = {name: found for name in pinned if (found := wants(name)) is not None}

    assert wanted, f"none of {file} is installed"
    assert {name: str(found) for name, found in wanted.items() if OLDEST not in found} == {}


def wants(name: str) -> SpecifierSet | None:
    """Return which Pythons an installed package is for; None where it is not installed (what only servers need)."""
    try:
        return SpecifierSet(metadata(name).get("Requires-Python") or "")
    except PackageNotFoundError:
        return None
