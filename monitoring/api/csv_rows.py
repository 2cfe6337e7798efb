"""Rows as a table with a comma between cells."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer


class CsvRenderer(BaseRenderer):
    """Writes a list of rows, all with the same columns; what is unknown is an empty cell. Problems stay JSON."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        if isinstance(data, dict):
            return JSONRenderer().render(data, accepted_media_type, renderer_context)
        return table(data or [])


def table(rows: list[Mapping[str, Any]]) -> str:
    """Return rows as CSV, with the columns as the first line; no rows: nothing."""
    text = io.StringIO(newline="")
    if rows:
        writer = csv.writer(text)
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)
