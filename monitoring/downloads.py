"""Files that are made while they are sent."""

from collections.abc import AsyncIterator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from chat.database import in_database


def download(
    request: HttpRequest, pieces: Iterator[bytes], *, name: str, media_type: str, size: int | None = None
) -> StreamingHttpResponse:
    """Reply with a file, a piece at a time. `size`: where it is known, so that one that breaks off is noticed."""
    content = _beside(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response["Cache-Control"] = "private, no-store"
    if size is not None:
        response["Content-Length"] = str(size)
    return response


async def _beside(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces, each made in a thread: given as they are, all would be made before the first is sent."""
    while (piece := await in_database(next, pieces, None)) is not None:
        yield piece
