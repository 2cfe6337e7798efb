"""Clients of the API for tests: a token of a user with some scopes, sent with each request."""

from collections.abc import Sequence
from typing import Any

from rest_framework.test import APIClient

from chat.models.api import Scope
from chat.services.tokens import make_token


def api_client(user: Any = None, scopes: Sequence[str] = tuple(Scope.values)) -> APIClient:
    """Return a client with a token of the user; without a user, an anonymous one. Replies of JSON have `.json()`."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(user, scopes)}")
    return client


def secret_of(user: Any, scopes: Sequence[str] = tuple(Scope.values)) -> str:
    """Return the secret of a new token."""
    return make_token(user=user, name="tests", scopes=scopes)[1]
