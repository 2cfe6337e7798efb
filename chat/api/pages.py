"""Lists in pages: `?cursor=` continues after the last row seen, however many rows there are and come."""

from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination


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
            raise ValidationError({"cursor": "Not a cursor of this list; begin again without one."}) from error

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return how the OpenAPI file describes a page."""
        link = {"type": ["string", "null"], "format": "uri", "description": "Empty: there is none."}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"next": link, "previous": link, "results": schema},
        }
