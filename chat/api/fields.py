"""`?fields=id,question`: only these of each object, for lists whose objects are wide."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

FIELDS = OpenApiParameter("fields", str, description="Names, separated by commas; without it all are sent.")


def leave_out(request: Request, listed: Any) -> None:
    """Let a serializer of a list not make what is not asked for; ValidationError for a name that it does not have,
    whether there are rows or not."""
    fields, asked = listed.child.fields, _asked(request)
    if unknown := sorted(set(asked) - set(fields)):
        raise ValidationError({"fields": f"There is no {', '.join(unknown)}; there are {', '.join(fields)}."})
    for name in set(fields) - set(asked) if asked else ():
        del fields[name]


def only_asked(request: Request, rows: Any) -> Any:
    """Return the rows with the fields that `?fields=` names, in this order."""
    asked = _asked(request)
    return [{name: row[name] for name in asked} for row in rows] if asked else rows


def _asked(request: Request) -> list[str]:
    return [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
