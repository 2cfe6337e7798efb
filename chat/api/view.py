"""What all operations of the API share.

A view is one address; each of its methods is one operation with its entry in `access`, its `extend_schema` and explicit
serializers. What is read and written goes through the same querysets and services as in the pages.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView

from chat.api.access import Access
from chat.api.fields import leave_out, only_asked
from chat.api.pages import Pages


class ApiView(APIView):
    """Base of all views of the API."""

    # By method: who may.
    access: ClassVar[Mapping[str, Access]] = {}
    # OPTIONS is left out: the OpenAPI file says what there is.
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    limits: Mapping[str, str] = {}
    # What the OpenAPI file says of operations whose `responses` are many; they reply with `page`.
    pagination_class = Pages

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add how many requests are left in this minute."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, HttpResponseBase):
            for name, value in self.limits.items():
                response[name] = value
        return response

    def page(
        self,
        request: Request,
        rows: QuerySet[Any],
        serializer: type[BaseSerializer[Any]],
        *,
        ordering: str,
        **context: Any,
    ) -> Response:
        """Reply with a page of rows, newest or whatever `ordering` names first; `?cursor=` leads to the next."""
        pages = Pages(ordering)
        shown = pages.paginate_queryset(rows, request, view=self)
        listed = serializer(shown, many=True, context={"request": request, **context})
        leave_out(request, listed)
        return pages.get_paginated_response(only_asked(request, listed.data))


def checked(serializer: type[Serializer[Any]], data: Any, **options: Any) -> dict[str, Any]:
    """Return what was sent as the serializer reads it; raises ValidationError, which becomes a 400 with the fields."""
    read = serializer(data=data, **options)
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def filters(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the query parameters that were sent, as the serializer reads them; errors as of `checked`."""
    return checked(serializer, request.query_params.dict())
