"""compose.yaml as Docker would read it: with the variables put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
# ${NAME}, ${NAME:-default} and ${NAME:?message}, the forms of the Compose specification that the file uses.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def text() -> str:
    return (ROOT / "compose.yaml").read_text()


def variables() -> dict[str, str]:
    """The names of all variables, each with "required" or its default."""
    found = VARIABLE.finditer(text())
    return {match["name"]: "required" if match["kind"] == "?" else match["rest"] or "" for match in found}


def composed(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file's content with these variables. Raises KeyError for one that is required and absent."""

    def value(match: re.Match[str]) -> str:
        found = environment.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise KeyError(match["name"])
        return found or match["rest"] or ""

    return yaml.safe_load(VARIABLE.sub(value, text()))
