"""Lists in pages: `?cursor=` continues after the last row seen, however many rows there are and come, and however many
of them have the value that the list is ordered by."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from django.core.exceptions import ValidationError as InvalidPlaceError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.utils.urls import remove_query_param, replace_query_param

from chat.keyset import beyond

NO_CURSOR = "Not a cursor of this list; begin again without one."
VALUE, KEY, BACKWARD = "p", "k", "r"  # of a cursor, in the form of a query string


@dataclass(frozen=True, slots=True)
class Place:
    """The rows on one side of a row, which has this value and key; of none: all, read from that side."""

    row: tuple[str, str] | None = None
    is_backward: bool = False

    def text(self) -> str:
        """Return it as a cursor."""
        named = {BACKWARD: "1"} if self.is_backward else {}
        if self.row is not None:
            named |= {VALUE: self.row[0], KEY: self.row[1]}
        return b64encode(urlencode(named).encode()).decode()


def read_place(cursor: str) -> Place:
    """Return the place that a cursor names. Raises ValueError for what no reply of ours held."""
    named = parse_qs(b64decode(cursor, validate=True).decode(), keep_blank_values=True, strict_parsing=True)
    given = {name: value for name, [value] in named.items()}
    is_backward = BACKWARD in given
    row = (given[VALUE], given[KEY]) if VALUE in given and KEY in given else None
    place = Place(row, is_backward)
    if place.text() != cursor:
        raise ValueError("the cursor is none of ours")
    return place


class Pages(CursorPagination):
    """`?limit=` rows a page, 50 by default, by one field and then by the id, in the same direction. Here for its words
    in the OpenAPI file: its own cursors hold one value and count those of them that were seen, to a thousand at most.
    """

    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"

    def __init__(self, ordering: str = "-pk") -> None:
        """`ordering`: a field that is never null, with a minus where the largest comes first."""
        self.field, self.descending = ordering.removeprefix("-"), ordering.startswith("-")

    def get_page_size(self, request: Any) -> int:
        """Return how many rows are asked for; ValidationError for what is no number from 1 to 500."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not asked.isdecimal() or len(asked) > 9 or not 1 <= int(asked) <= self.max_page_size:
            raise ValidationError({"limit": f"A number from 1 to {self.max_page_size}, not {asked!r}."})
        return int(asked)

    def paginate_queryset(self, queryset: QuerySet[Any], request: Any, view: Any = None) -> list[Any]:
        """Return the page; ValidationError for a cursor that no reply of ours held, or of another list."""
        size = self.get_page_size(request)
        self.address = request.build_absolute_uri()
        cursor = request.query_params.get(self.cursor_query_param, "")
        try:
            self.place = read_place(cursor) if cursor else Place()
            found = self._read(queryset, size + 1)
        except (ValueError, OverflowError, InvalidPlaceError, DataError) as error:
            if not cursor:
                raise
            raise ValidationError({"cursor": NO_CURSOR}) from error
        self.has_more, self.rows = len(found) > size, found[:size]
        if self.place.is_backward:
            self.rows.reverse()
        return self.rows

    def _read(self, queryset: QuerySet[Any], count: int) -> list[Any]:
        """Return so many rows from the place on, in the direction in which it is read."""
        descending = self.descending != self.place.is_backward
        if self.place.row is not None:
            value, key = self.place.row
            queryset = queryset.filter(
                beyond(
                    self.field,
                    _python_value(queryset, self.field, value),
                    _python_value(queryset, "pk", key),
                    descending=descending,
                )
            )
        sign = "-" if descending else ""
        fields = dict.fromkeys([f"{sign}{self.field}", f"{sign}pk"])
        return list(queryset.order_by(*fields)[:count])

    def get_next_link(self) -> str | None:
        """Return the address of the rows after these; from an empty page back to the first."""
        has_next = self.place.row is not None if self.place.is_backward else self.has_more
        if not has_next:
            return None
        return self._link(self.rows[-1]) if self.rows else remove_query_param(self.address, self.cursor_query_param)

    def get_previous_link(self) -> str | None:
        """Return the address of the rows before these; from an empty page back to the last."""
        has_previous = self.has_more if self.place.is_backward else self.place.row is not None
        return self._link(self.rows[0] if self.rows else None, is_backward=True) if has_previous else None

    def _link(self, row: Any, *, is_backward: bool = False) -> str:
        values = None if row is None else (str(getattr(row, self.field)), str(row.pk))
        text = Place(values, is_backward).text()
        return str(replace_query_param(self.address, self.cursor_query_param, text))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return how the OpenAPI file describes a page."""
        link = {"type": ["string", "null"], "format": "uri", "description": "Empty: there is none."}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"next": link, "previous": link, "results": schema},
        }


def _python_value(queryset: QuerySet[Any], name: str, text: str) -> Any:
    """Return a value of a list's rows as it is compared. Raises ValueError and Django's ValidationError."""
    meta = queryset.model._meta
    annotation = queryset.query.annotations.get(name)
    field = annotation.output_field if annotation else meta.pk if name == "pk" else meta.get_field(name)
    value = field.to_python(text)
    if value is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise ValueError(f"no value of {name}")
    return value
