"""How operations are described in the OpenAPI file: each with the errors that it can answer with."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction
from rest_framework import serializers

from chat.api.access import access_of
from chat.api.problems import CONTENT_TYPE


class ProblemFieldSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField(help_text="Its name; of one within another, with dots. Empty: of the whole.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details, RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stays the same, for programs.")
    detail = serializers.CharField(help_text="What is wrong and what to do, for people.")
    # the library's own `errors` is of no use in what is only described
    errors = ProblemFieldSerializer(many=True, required=False)  # type: ignore[assignment] # see above


class ApiSchema(AutoSchema):
    """Adds scope, permission and the errors that any operation of its kind has."""

    error_serializer: type[serializers.Serializer[Any]] = ProblemSerializer
    error_content_type = CONTENT_TYPE

    def get_summary(self) -> str:
        """Return how the docstring begins: what the pages of the API show beside an address."""
        return re.split(r"[.:;] ", " ".join(super().get_description().split()))[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override] # the library differs from its own base
        """Return the docstring with who may."""
        access = access_of(self.view, self.method)
        who = f" Users need the permission `{access.permission}`." if access.permission else ""
        scopes = " or ".join(f"`{scope}`" for scope in access.scopes)
        return f"{super().get_description()}\n\nScope of a token: {scopes}.{who}"

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._error_statuses():
            body = self._get_response_for_code(  # type: ignore[no-untyped-call] # the library has no types here
                self.error_serializer, status, [self.error_content_type], direction
            )
            bodies.setdefault(status, body)
        return dict(sorted(bodies.items()))

    def _error_statuses(self) -> list[str]:
        statuses = ["400", "401", "403", "406", "429"]
        if "{" in self.path:
            statuses.append("404")
        if self.method in ("POST", "PUT", "PATCH"):
            statuses += ["413", "415"]
        if self.method == "GET" and getattr(self.view, "has_etag", False):
            statuses.append("412")
        if self.method != "GET":
            statuses.append("422")
        if any(getattr(parameter, "name", "") == "Idempotency-Key" for parameter in self.get_override_parameters()):
            statuses += ["409", "410"]
        return statuses + list(getattr(self.view, "other_errors", {}).get(self.method, ()))
