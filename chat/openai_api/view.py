"""What all operations of OpenAI's protocol share."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from chat.api.authentication import TokenAuthentication
from chat.api.view import ApiView
from chat.openai_api.errors import new_request_id, openai_error
from chat.openai_api.schema import OpenAISchema


class AlwaysJson(DefaultContentNegotiation):
    """Replies with JSON, whatever a client says that it accepts: some ask for a stream's type in advance."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class OpenAIView(ApiView):
    """Base of all views below /v1/. They have an OpenAPI file of their own, docs/openapi-v1.yaml."""

    schema = OpenAISchema()
    authentication_classes = [TokenAuthentication]
    content_negotiation_class = AlwaysJson  # type: ignore[assignment] # the stubs take it for a text

    no_key = ""  # what OpenAI does not know is passed over
    request_id = ""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.request_id = new_request_id()

    def get_exception_handler(self) -> Any:
        return openai_error

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add an id of the request, and how many are left in this minute under the names that OpenAI has for it."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, HttpResponseBase):
            response["x-request-id"] = self.request_id
            if self.limits:
                response["x-ratelimit-limit-requests"] = self.limits["RateLimit-Limit"]
                response["x-ratelimit-remaining-requests"] = self.limits["RateLimit-Remaining"]
                response["x-ratelimit-reset-requests"] = f"{self.limits['RateLimit-Reset']}s"
        return response
