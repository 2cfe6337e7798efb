"""`?fields=id,question`: only these of each object, for lists whose objects are wide."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

FIELDS = OpenApiParameter("fields", str, description="Names, separated by commas; without it all are sent.")


def leave_out(request: Request, listed: Any) -> None:
    """Let a serializer of a list not make what is not asked for. Names that it does not have are left to
    `only_asked`."""
    fields, asked = getattr(listed.child, "fields", {}), _asked(request)
    if asked and set(asked) <= set(fields):
        for name in set(fields) - set(asked):
            del fields[name]


def only_asked(request: Request, rows: Any) -> Any:
    """Return the rows with the fields that `?fields=` names; ValidationError for a name that they do not have."""
    asked = _asked(request)
    if not asked or not rows:
        return rows
    if unknown := sorted(set(asked) - set(rows[0])):
        known = ", ".join(rows[0])
        raise ValidationError({"fields": f"There is no {', '.join(unknown)}; there are {known}."})
    return [{name: row[name] for name in asked} for row in rows]


def _asked(request: Request) -> list[str]:
    return [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
