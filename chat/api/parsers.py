"""Bodies as they are read: JSON whose numbers are numbers."""

import codecs
import json
import math
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, get_encoding  # type: ignore[attr-defined] # the stubs are older


class FiniteJSONParser(JSONParser):
    """JSON as its standard has it, and without numbers that are too large for a float: no field means infinity, and no
    reply could hold it. As one of the framework's own it is given no body larger than the settings allow, and
    `get_encoding` knows no charset that unpacks one."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        encoding = get_encoding(parser_context or {})
        try:
            decoded = codecs.getreader(encoding)(stream)
            return json.load(decoded, parse_float=_finite, parse_constant=_no_number)
        except (ValueError, LookupError, RecursionError) as error:
            raise ParseError(f"The body is no JSON: {error}") from error


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
