"""The OpenAPI files as they are served: of the REST API, and of OpenAI's protocol. Each is made once in each process,
which takes a second: while one runs it does not change."""

import hashlib
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

# Of the file of OpenAI's protocol; `manage.py spectacular` is told of both to write docs/openapi-v1.yaml.
OPENAI_URLS = "chat.openai_api.urls"
OPENAI_SETTINGS: dict[str, Any] = {
    "TITLE": "ragsite by OpenAI's protocol",
    "DESCRIPTION": "For programs that speak to OpenAI. The handbook has examples: docs/openai-compatible.md.",
    "SCHEMA_PATH_PREFIX": "/",
    "SERVERS": [{"url": "/v1"}],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],  # clients send what OpenAI alone knows
}
Endpoint = tuple[str, str, str, Any]
_one_at_a_time = threading.Lock()  # the settings of the second file are those of the whole process while it is made


def of_rest_alone(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Leave OpenAI's protocol out of the file of the REST API; in its own, addresses begin below /v1/."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/v1/")]


def of_closed_bodies(result: dict[str, Any], **of_generator: Any) -> dict[str, Any]:
    """Say that what is sent has no fields but those that are named (chat.api.view.read)."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request") and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return result


class OpenApiFile(SpectacularAPIView):
    """YAML or JSON, as `Accept` says. Everybody may read it."""

    throttle_classes = []
    of_openai = False  # of OpenAI's protocol

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        renderer: Any = request.accepted_renderer
        content, etag = _made(renderer.media_type, self.of_openai)
        response = HttpResponse(content, content_type=f"{renderer.media_type}; charset=utf-8", headers={"ETag": etag})
        response["Cache-Control"] = "no-cache"
        name = "ragsite-v1" if self.of_openai else "ragsite"
        response["Content-Disposition"] = f'inline; filename="{name}.{renderer.format}"'
        return get_conditional_response(request, etag=etag, response=response) or response


@lru_cache
def _made(media_type: str, of_openai: bool) -> tuple[bytes, str]:
    """Return the file in a form that the view has, and its ETag."""
    (renderer,) = (kind for kind in OpenApiFile.renderer_classes if kind.media_type == media_type)
    content: bytes = renderer().render(_described(of_openai), renderer_context={})
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache
def _described(of_openai: bool) -> Any:
    urls, settings = (OPENAI_URLS, OPENAI_SETTINGS) if of_openai else (None, None)
    with _one_at_a_time, patched_settings(settings):
        generator = SchemaGenerator(urlconf=urls)  # type: ignore[no-untyped-call] # the library has no types here
        return generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call] # nor here
