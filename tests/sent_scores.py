"""Scores that a user's program sends by the API."""

from typing import Any

from chat.models import Turn
from tests.api_clients import api_client
from tests.factories import make_conversation, make_turn

SCORES = "/api/v1/scores/"


def own_turn(user: Any, **values: Any) -> Turn:
    """Return a turn of a conversation of the user's."""
    return make_turn(conversation=make_conversation(user=user), **values)


def send(user: Any, **body: Any) -> Any:
    """Send a score as the user and return the reply."""
    return api_client(user).post(SCORES, body, format="json")
