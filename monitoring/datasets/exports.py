"""A version of a dataset as a file, line by line, so that a large one is never whole in memory. What is written imports
again to the same items: the columns are those that an import finds by itself."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Literal

from monitoring.datasets.columns import USUAL_NAMES
from monitoring.datasets.present import BATCH_ROWS
from monitoring.datasets.versions import latest_version
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, DatasetItem

Format = Literal["csv", "jsonl"]
FORMATS: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def export_items(
    *, dataset: Dataset, file_format: Format, version: int | None = None, split: str = ""
) -> Iterator[str]:
    """Yield the lines of the file: the items of `version` (None: the newest), of one split where that is named. Raises
    DatasetError, before the first line, for a version that is not there."""
    newest = latest_version(dataset)
    if version is not None and not 1 <= version <= newest:
        has = f"its versions are 1 to {newest}" if newest else "it has none"
        raise DatasetError(f"{dataset} has no version {version}: {has}.")
    items = dataset.items.in_version(newest if version is None else version)
    if split:
        items = items.filter(split=split)
    rows = (_row(item) for item in items.with_relevant().iterator(chunk_size=BATCH_ROWS))
    return _csv_lines(rows) if file_format == "csv" else _json_lines(rows)


def file_name(*, dataset: Dataset, version: int | None, split: str, file_format: Format) -> str:
    """Return a name that says what is in the file, such as "faq-v3-test.csv"."""
    parts = [dataset.name, f"v{version or latest_version(dataset)}", split.lower()]
    return f"{'-'.join(filter(None, parts))}.{file_format}"


def _row(item: DatasetItem) -> dict[str, Any]:
    relevant = item.relevant.all()
    spans = ["" if row.start is None else f"{row.start}-{row.end}" for row in relevant]
    values = {
        "question": item.question,
        "answer": item.expected_answer,
        "document": [row.source_id for row in relevant],
        "relevance": [row.relevance for row in relevant],
        "span": spans if any(spans) else [],
        "collection": item.collection.name if item.collection else "",
        "split": item.get_split_display(),
        "tags": item.tags,
        "unanswerable": not item.is_answerable,
        "history": item.history,
        "cluster": item.cluster,
        "source": item.source.lower(),
    }
    return {USUAL_NAMES[role]: value for role, value in values.items()}


def _json_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _csv_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(USUAL_NAMES.values())
    for row in rows:
        writer.writerow(_cell(value) for value in row.values())
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    if remaining := buffer.getvalue():
        yield remaining


def _cell(value: Any) -> str:
    """Return a value as it reads best in a table; a list as JSON where plain text would be read otherwise."""
    if isinstance(value, bool):
        return "1" if value else ""
    if not isinstance(value, list):
        return str(value)
    plain = [str(part) for part in value]
    is_simple = all(isinstance(part, str | int) for part in value)
    if is_simple and not any(part.startswith("[") or set(part) & set(";,") or part != part.strip() for part in plain):
        return ";".join(plain)
    return json.dumps(value, ensure_ascii=False)
