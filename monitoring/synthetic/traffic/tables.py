"""A block as lines of PostgreSQL's COPY text format, table by table.

Columns that are the same in all rows stand in the line's pattern, the others are lists of texts or numbers. This is
what a back-fill spends its time on in Python, so a line is made by one formatting of one tuple.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints

NULL = "\\N"
LINES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a table: `columns` names those of a line, `lines` yields them, each with its line end."""

    name: str
    columns: tuple[str, ...]
    lines: Iterable[str]


def table(name: str, size: int, columns: dict[str, Any]) -> Table:
    """Return rows of a table by their columns: a list (of texts as COPY has them, or numbers), or one text for all."""
    pattern, varying = [], []
    for values in columns.values():
        if isinstance(values, str):
            pattern.append(values.replace("%", "%%"))
        else:
            pattern.append("%s")
            varying.append(values)
    line = "\t".join(pattern) + "\n"
    rows: Iterator[tuple[Any, ...]] = zip(*varying, strict=True) if varying else iter([()] * size)
    return Table(name, tuple(columns), (line % row for row in rows))


def joined(rows: Table) -> Table:
    """Return rows of a table with their lines made, LINES_AT_ONCE in each text: what is sent at once."""
    lines = iter(rows.lines)
    return Table(rows.name, rows.columns, list(iter(lambda: "".join(islice(lines, LINES_AT_ONCE)), "")))


def escaped(text: str) -> str:
    """Return a text as COPY reads it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def picked(texts: Sequence[str], places: Ints) -> list[str]:
    """Return the text at each place."""
    return list(map(texts.__getitem__, places.tolist()))


def stamps(seconds: Floats) -> list[str]:
    """Return times (seconds since 1970) in UTC."""
    micros = np.round(seconds * 1e6).astype("datetime64[us]")
    return list(np.datetime_as_string(micros, timezone="UTC").tolist())


def flags(values: Bools) -> list[str]:
    return ["t" if value else "f" for value in values.tolist()]


def numbers(values: Ints, *, unknown: Bools | None = None) -> list[Any]:
    """Return whole numbers; NULL where they are not known."""
    if unknown is None or not unknown.any():
        return list(values.tolist())
    return [NULL if gone else value for value, gone in zip(values.tolist(), unknown.tolist(), strict=True)]


def seconds_or_null(values: Floats) -> list[Any]:
    """Return numbers as precise as they are; NULL for NaN."""
    return [value if value == value else NULL for value in values.tolist()]  # NaN alone is not itself


def dollars(costs: Ints) -> list[str]:
    """Return costs in hundred-millionths of a dollar as numbers; NULL for -1."""
    return [f"{cost}e-8" if cost >= 0 else NULL for cost in costs.tolist()]
