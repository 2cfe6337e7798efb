"""What all operations of the API share.

A view is one address; each of its methods is one operation with its entry in `access`, its `extend_schema` and explicit
serializers. What is read and written goes through the same querysets and services as in the pages.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, ChoiceField, ListSerializer, Serializer
from rest_framework.views import APIView

from chat.api.access import Access
from chat.api.fields import leave_out, only_asked
from chat.api.pages import Pages

S = TypeVar("S", bound=Serializer[Any])

# Of all lists.
OF_PAGES = frozenset({"cursor", "limit", "fields"})
# Of lists that are sent whole.
NOTHING: frozenset[str] = frozenset()
# Fields and parameters that there are not: how many are named in a reply, with how many characters of each.
MOST_UNKNOWN, MOST_SHOWN = 20, 100


class ApiView(APIView):
    """Base of all views of the API."""

    # By method: who may.
    access: ClassVar[Mapping[str, Access]] = {}
    # OPTIONS is left out: the OpenAPI file says what there is.
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    # What may stand behind the `?` of a list that has no filters; None: what reads them says it.
    parameters: ClassVar[frozenset[str] | None] = None
    # Of addresses that do one thing with what they name: what is sent besides is refused, as nothing reads it.
    takes_no_body: ClassVar[bool] = False
    # Why POST takes no `Idempotency-Key`, for who sends one; nothing: it takes one, and is done `once`.
    no_key: ClassVar[str] = "sent twice, this changes no more than sent once, or is refused."
    # Whether GET replies with an ETag: it is refused for an If-Match of another one.
    has_etag: ClassVar[bool] = False
    limits: Mapping[str, str] = {}
    # What the OpenAPI file says of operations whose `responses` are many; they reply with `page`.
    pagination_class = Pages

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, and then what for."""
        super().initial(request, *args, **kwargs)
        if request.method == "GET" and self.parameters is not None:
            refuse_unknown(request.query_params, self.parameters)
        if request.method == "POST" and self.no_key and "Idempotency-Key" in request.headers:
            raise ValidationError({"Idempotency-Key": ErrorDetail(f"None is taken here: {self.no_key}", "unknown")})
        if request.method == "POST" and self.takes_no_body and request.data:
            raise ValidationError("This address takes no body: nothing of it would be read.")

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
    return dict(read(serializer, data, **options).validated_data)


def read(serializer: type[S], data: Any, **options: Any) -> S:
    """Return the serializer with what was sent; errors as of `checked`, and for fields that it does not write: one that
    is mistyped, or that cannot be changed, would be left out without a word."""
    reader = serializer(data=data, **options)
    errors = {} if reader.is_valid() else with_choices(reader, reader.errors)
    # Somebody may send thousands, and each is answered.
    if errors := {**dict(islice(unknown_fields(reader, data), MOST_UNKNOWN)), **errors}:
        raise ValidationError(errors)
    return reader


def unknown_fields(field: Any, data: Any, path: str = "") -> Iterator[tuple[str, list[ErrorDetail]]]:
    """Yield the path, with dots, and the error of each value that was sent to a serializer and that nothing reads."""
    if isinstance(field, ListSerializer) and isinstance(data, list):
        for place, row in enumerate(data):
            yield from unknown_fields(field.child, row, f"{path}{place}.")
    elif isinstance(field, Serializer) and isinstance(data, Mapping):
        writable = {name: inner for name, inner in field.fields.items() if not inner.read_only}
        for name, value in data.items():
            if name in writable:
                yield from unknown_fields(writable[name], value, f"{path}{name}.")
            else:
                problem = "It cannot be changed" if name in field.fields else "There is no such field"
                there_are = f"there are {', '.join(sorted(writable))}."
                yield f"{path}{name[:MOST_SHOWN]}", [ErrorDetail(f"{problem}; {there_are}", "unknown")]


def with_choices(field: Any, errors: Any) -> Any:
    """Return the errors of a field, or of a serializer, in which one that only says "not a valid choice" also says what
    may be chosen."""
    if isinstance(errors, Mapping):
        inner = getattr(field, "fields", {})
        child = getattr(field, "child", None)
        return {name: with_choices(inner.get(name, child), error) for name, error in errors.items()}
    if not isinstance(errors, list):
        return errors
    if any(isinstance(error, Mapping) for error in errors):
        return [with_choices(getattr(field, "child", None), error) for error in errors]
    choices = ", ".join(map(str, field.choices)) if isinstance(field, ChoiceField) else ""
    return [
        ErrorDetail(f"{error} There are {choices}.", error.code)
        if choices and getattr(error, "code", "") == "invalid_choice"
        else error
        for error in errors
    ]


def asked(request: Request, serializer: type[Serializer[Any]], *, also: frozenset[str] = OF_PAGES) -> dict[str, Any]:
    """Return the query parameters that were sent, as the serializer reads them; errors as of `checked`, and for those
    that neither it nor `also` has. A value that is left empty is not asked for."""
    given = {name: value for name, value in request.query_params.items() if value != ""}
    known = set(serializer().fields)
    refuse_unknown(given, known | also)
    return checked(serializer, {name: value for name, value in given.items() if name in known})


def refuse_unknown(given: Iterable[str], known: Set[str]) -> None:
    """Raise ValidationError for parameters that there are not: a filter that is mistyped would show what nobody asked
    for."""
    if unknown := sorted(name[:MOST_SHOWN] for name in set(given) - known)[:MOST_UNKNOWN]:
        there_are = f"; there are {', '.join(sorted(known))}." if known else ": all is listed."
        raise ValidationError(dict.fromkeys(unknown, f"Nothing is asked for by this name{there_are}"))
