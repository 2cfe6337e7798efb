"""Who asks: a token in `Authorization: Bearer`, or a browser that is signed in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from chat.models import ApiToken
from chat.services.tokens import use_token


class TokenAuthentication(BaseAuthentication):
    """Finds the user of a token; `request.auth` is the token then."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        kind, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            return None
        token = use_token(secret.strip())
        if token is None:
            raise AuthenticationFailed(
                "This token opens nothing here: it is unknown, revoked or expired, or its account is closed."
                " Make one under API tokens.",
                code="token_invalid",
            )
        underneath: Any = request._request
        underneath.asked_by = token.user_id  # for the log: there is no session
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # the library has no types here
    """How the OpenAPI file names it."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
