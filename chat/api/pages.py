"""Lists in pages: `?cursor=` continues after the last row seen, however many rows there are and come."""

from typing import Any

from django.core.exceptions import ValidationError as InvalidPlaceError
from django.db import DataError
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination

NO_CURSOR = "Not a cursor of this list; begin again without one."


class Pages(CursorPagination):
    """`?limit=` rows a page, 50 by default."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"

    def __init__(self, ordering: str = "-pk") -> None:
        # The id after it, so that rows of the same moment keep their order.
        self.ordering = (ordering, f"{ordering[:1] if ordering.startswith('-') else ''}pk")

    def get_page_size(self, request: Any) -> int:
        """Return how many rows are asked for; ValidationError for what is no number from 1 to 500."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not asked.isdecimal() or len(asked) > 9 or not 1 <= int(asked) <= self.max_page_size:
            raise ValidationError({"limit": f"A number from 1 to {self.max_page_size}, not {asked!r}."})
        return int(asked)

    def decode_cursor(self, request: Any) -> Any:
        """Return where to go on; ValidationError for what no reply of ours held."""
        try:
            return super().decode_cursor(request)
        except NotFound as error:
            raise ValidationError({"cursor": NO_CURSOR}) from error

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        """Return the page; ValidationError for a cursor whose place is none that these rows are ordered by."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, OverflowError, InvalidPlaceError, DataError) as error:
            if self.cursor_query_param not in request.query_params:
                raise
            raise ValidationError({"cursor": NO_CURSOR}) from error

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return how the OpenAPI file describes a page."""
        link = {"type": ["string", "null"], "format": "uri", "description": "Empty: there is none."}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"next": link, "previous": link, "results": schema},
        }
