"""Grafana's boards as they are written out: their panels, SQL and links."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

GRAFANA = Path(__file__).resolve().parent.parent / "deploy" / "grafana"

BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}

EVERY_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def sql_panels(board: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Each panel that asks PostgreSQL, with its SQL."""
    return [(panel, target["rawSql"]) for panel in panels(board) for target in panel["targets"] if "rawSql" in target]


def links(board: dict[str, Any]) -> list[str]:
    """The addresses that panels and the board lead to."""
    return re.findall(r'"url": "([^"]+)"', json.dumps(board))
