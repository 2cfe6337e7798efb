"""A line held against the shape of a turn: its values as Python has them, or what is wrong with one of them."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from chat.services.turn_choices import POSSIBLE_YEARS, YEARS
from monitoring.exports.shape import Field, Kind
from monitoring.imports.reading import LineError, read_json

Record = dict[str, Any]
_DIGITS = {Kind.USD: (Decimal("1e-8"), Decimal(10**6)), Kind.PRICE: (Decimal("1e-6"), Decimal(10**8))}
SHOWN_CHARS = 60


def checked(value: Any, fields: Mapping[str, Field], path: str = "") -> Record:
    """Return the fields of an object; None for those that it does not have. Other fields are passed over, as those of a
    later version may be. Raises LineError that names the field."""
    if not isinstance(value, dict):
        raise LineError(f"{path or 'the line'} is no object")
    return {name: _checked(value.get(name), one, f"{path}.{name}" if path else name) for name, one in fields.items()}


def _checked(value: Any, one: Field, path: str) -> Any:
    if value is None or (value == "" and one.choices and not one.needed):
        if one.needed:
            raise LineError(f"{path} is missing")
        return [] if one.kind in (Kind.MANY, Kind.TEXTS) else None
    match one.kind:
        case Kind.TEXT:
            return _text(value, one, path)
        case Kind.COUNT | Kind.NUMBER:
            return _number(value, one, path)
        case Kind.USD | Kind.PRICE:
            return _dollars(value, one, path)
        case Kind.FLAG:
            return _is(value, bool, "true or false", path)
        case Kind.TIME:
            return as_time(value, path)
        case Kind.JSON:
            return _json(value, one, path)
        case Kind.ONE:
            return checked(value, one.fields or {}, path)
    rows = _is(value, list, "a list", path)
    if one.kind is Kind.TEXTS:
        return [_text(text, one, path) for text in rows]
    return [checked(row, one.fields or {}, f"{path}.{place}") for place, row in enumerate(rows)]


def _is(value: Any, kind: type | tuple[type, ...], words: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise LineError(f"{path} is not {words}: {_shown(value)}")
    return value


def _text(value: Any, one: Field, path: str) -> str:
    text = clean(_is(value, str, "a text", path))
    if one.choices and text not in one.choices:
        raise LineError(f"{path} is {_shown(text)}; possible are {', '.join(one.choices)}")
    if one.most and len(text) > one.most:
        raise LineError(f"{path} has {len(text):,} characters; at most {one.most:,} are possible")
    if one.needed and not text:
        raise LineError(f"{path} is empty")
    if text and one.form:
        said, text = text, one.form(text)
        if not text:
            raise LineError(f"{path} is {_shown(said)}, which has not the form of one")
    return text


def clean(text: str) -> str:
    """Return a text as PostgreSQL can store it."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _number(value: Any, one: Field, path: str) -> int | float:
    kinds, words = (int, "a whole number") if one.kind is Kind.COUNT else ((int, float), "a number")
    if isinstance(value, bool) or not isinstance(value, kinds) or not _is_finite(value):
        raise LineError(f"{path} is not {words}: {_shown(value)}")
    if one.choices and str(value) not in one.choices:
        raise LineError(f"{path} is {_shown(value)}; possible are {', '.join(one.choices)}")
    if one.least is not None and value < one.least:
        raise LineError(f"{path} is {_shown(value)}; at least {one.least:,g} is possible")
    if one.most and value > one.most:
        raise LineError(f"{path} is {_shown(value)}; at most {one.most:,} is possible")
    return value


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)  # a whole number may be too large for a float


def _dollars(value: Any, one: Field, path: str) -> Decimal:
    exact, limit = _DIGITS[one.kind]
    try:
        dollars = Decimal(str(value)).quantize(exact) if not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        dollars = Decimal("nan")
    if not dollars.is_finite() or abs(dollars) >= limit:
        raise LineError(f"{path} is no amount of dollars below {limit:,}: {_shown(value)}")
    if one.least is not None and dollars < Decimal(one.least):
        raise LineError(f"{path} is {dollars}; at least {one.least:g} is possible")
    return dollars


def as_time(value: Any, path: str) -> datetime:
    """Return a time as a line has it: ISO 8601, in UTC unless it says otherwise, or seconds or milliseconds since 1970.
    Raises LineError."""
    at = value
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            at = datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
    except (ValueError, OverflowError, OSError):
        at = None
    if not isinstance(at, datetime):
        raise LineError(f"{path} is no time: {_shown(value)}; write it as 2026-11-03T14:00:00Z")
    try:
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        is_possible = at.year in YEARS
    except OverflowError:  # of the first or the last day of all
        is_possible = False
    if not is_possible:
        raise LineError(f"{path} is {_shown(value)}; {POSSIBLE_YEARS}")
    return at


def _json(value: Any, one: Field, path: str) -> Any:
    if isinstance(value, str):  # as Parquet has it
        try:
            value = read_json(value)
        except ValueError as error:
            raise LineError(f"{path} is no JSON ({error})") from error
    if one.fields:
        rows = _is(value, list, "a list", path)
        said = [checked(row, one.fields, f"{path}.{place}") for place, row in enumerate(rows)]
        return [{name: text or "" for name, text in row.items()} for row in said]
    found = _is(value, dict, "an object", path)
    if "\\u0000" in json.dumps(found):
        raise LineError(f"{path} holds the character NUL, which cannot be stored")
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
