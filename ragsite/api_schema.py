"""The OpenAPI file as it is served. It is made once in each process, which takes a second: while one runs it does not
change."""

import hashlib
from functools import lru_cache
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class OpenApiFile(SpectacularAPIView):
    """YAML or JSON, as `Accept` says. Everybody may read it."""

    throttle_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        renderer: Any = request.accepted_renderer
        content, etag = _made(renderer.media_type)
        response = HttpResponse(content, content_type=f"{renderer.media_type}; charset=utf-8", headers={"ETag": etag})
        response["Cache-Control"] = "no-cache"
        response["Content-Disposition"] = f'inline; filename="ragsite.{renderer.format}"'
        return get_conditional_response(request, etag=etag, response=response) or response


@lru_cache
def _made(media_type: str) -> tuple[bytes, str]:
    """Return the file in a form that the view has, and its ETag."""
    (renderer,) = (kind for kind in OpenApiFile.renderer_classes if kind.media_type == media_type)
    content: bytes = renderer().render(_described(), renderer_context={})
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache
def _described() -> Any:
    # the library has no types here
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
