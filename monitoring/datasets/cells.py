"""Cells of a file of questions: several values in one cell, numbers, yes and no, JSON."""

import json
import re

from monitoring.exceptions import DatasetError
from monitoring.models import DatasetItem

_YES = {"1", "true", "t", "yes", "y", "x"}
_NO = {"", "0", "false", "f", "no", "n"}
_SPAN = re.compile(r"(\d+)\s*-\s*(\d+)")


def as_text(value: object) -> str:
    """Return a cell as text that PostgreSQL can store."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("\x00", "").encode("utf-8", "replace").decode().strip()


def as_list(value: object, *, separators: str = ";") -> list[str]:
    """Return the values of a cell: a list, a JSON list as text, or text with separators. Empty ones stay, so that
    lists side by side keep step."""
    if isinstance(value, list):
        return [as_text(part) for part in value]
    text = as_text(value)
    if text.startswith("[") and text.endswith("]"):
        try:
            parts = json.loads(text)
        except ValueError:
            parts = None
        if isinstance(parts, list):
            return [as_text(part) for part in parts]
    return [part.strip() for part in re.split(f"[{re.escape(separators)}]", text)] if text else []


def as_yes_or_no(value: object, *, column: str) -> bool:
    """Return whether a cell says yes; empty is no. Raises DatasetError for what is neither."""
    text = as_text(value).casefold()
    if text not in _YES | _NO:
        raise DatasetError(f"{text!r} in column {column!r} is neither yes nor no; write 1 or 0")
    return text in _YES


def as_split(value: object) -> str:
    """Return the split that a cell names, empty for "auto" and nothing. Raises DatasetError for another word."""
    text = as_text(value).upper()
    if text in ("", "AUTO"):
        return ""
    if text not in DatasetItem.Split.values:
        known = ", ".join(label for _, label in DatasetItem.Split.choices)
        raise DatasetError(f"the split {as_text(value)!r} is not one of {known}; --split auto decides by document")
    return text


def as_grades(value: object, count: int) -> list[int]:
    """Return a grade for each of `count` documents; one alone is for all. Raises DatasetError."""
    texts = [text for text in as_list(value) if text]
    if not texts:
        return [1] * count
    if not all(text.isdecimal() and 1 <= int(text) <= 1000 for text in texts):
        raise DatasetError(f"the relevance {as_text(value)!r} is not a whole number from 1 to 1000")
    grades = [int(text) for text in texts]
    if len(grades) not in (1, count):
        raise DatasetError(f"there are {len(grades)} relevances for {count} documents")
    return grades * count if len(grades) == 1 else grades


def as_spans(value: object, count: int) -> list[tuple[int, int] | None]:
    """Return a span "start-end" for each of `count` documents, None for a whole one. Raises DatasetError."""
    texts = as_list(value)
    if not any(texts):
        return [None] * count
    if len(texts) != count:
        raise DatasetError(f"there are {len(texts)} spans for {count} documents")
    return [_span(text) if text else None for text in texts]


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if found is None or int(found[2]) <= int(found[1]) or len(found[2]) > 9:
        raise DatasetError(f"the span {text!r} is not start-end, as 120-480, with the end after the start")
    return int(found[1]), int(found[2])


def as_history(value: object) -> tuple[dict[str, str], ...]:
    """Return earlier exchanges, oldest first. Raises DatasetError."""
    text = as_text(value)
    try:
        exchanges = json.loads(text) if text else []
        return tuple(
            {"question": as_text(exchange["question"]), "answer": as_text(exchange["answer"])} for exchange in exchanges
        )
    except (ValueError, TypeError, KeyError):
        raise DatasetError('the history is not a list like [{"question": "…", "answer": "…"}], oldest first') from None
