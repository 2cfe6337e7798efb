"""Errors of OpenAI's protocol that come before anything is answered: one shape for all."""

import pytest

from tests.api_clients import api_client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/chat/completions", "{", 400, "parse_error"),
        ("POST", "/v1/chat/completions", "[" * 100_000, 400, "parse_error"),
        ("POST", "/v1/chat/completions", "[]", 400, None),
        ("POST", "/v1/chat/completions", f'"{"x" * 6_000_000}"', 413, "request_too_large"),
        ("GET", "/v1/chat/completions", None, 405, "method_not_allowed"),
        ("POST", "/v1/models", "{}", 405, "method_not_allowed"),
        ("POST", "/v1/responses", "{}", 404, "unknown_url"),
        ("GET", "/v1/models/", None, 404, "unknown_url"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_whatever_is_wrong_has_the_same_shape(alice, method, path, body, status, code):
    accept = {"Accept": "text/event-stream"}

    response = api_client(alice).generic(method, path, body or "", content_type="application/json", headers=accept)

    assert response.status_code == status, response.content
    error = response.json()["error"]
    assert (set(error), error["type"], error["code"]) == (
        {"message", "type", "param", "code"},
        "invalid_request_error",
        code,
    )
    assert error["message"]


def test_address_that_there_is_not_has_an_id_and_says_what_may_be_wrong(alice):
    response = api_client(alice).get("/v1/models/")

    assert response["x-request-id"].startswith("req_")
    assert response.json()["error"]["message"].endswith("No address here ends in a slash.")
