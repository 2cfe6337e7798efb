"""The stream of an answer as server-sent events.

snapshot   all text so far, the first event of every reader: finished blocks as HTML, then the tail as plain text
token      more of the tail
block      Markdown blocks that became complete, as HTML, and the tail that is left
stage      what happens before text comes
done       the whole finished turn, which takes the place of the running one and closes the stream

Between events no database connection is held: hundreds of readers share a handful of connections.
"""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing

from django.contrib.auth.decorators import login_required
from django.db import connections
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from django.views.decorators.http import require_GET

from chat.database import in_database
from chat.models import Turn
from chat.rendering import answer_html, split_blocks
from chat.streaming import Delta, Ended, Quiet, Snapshot, Stage, follow
from chat.views.replies import turn_html

STAGES = {"searching": "Searching the documents…", "answering": "Answering…"}
LINE_END = re.compile(r"\r\n|\r|\n")


@login_required
@require_GET
def turn_stream(request: HttpRequest, turn_id: int) -> StreamingHttpResponse:
    """Stream an answer to its owner, from the beginning, whatever its state."""
    if not Turn.objects.visible_to(request.user).filter(pk=turn_id).exists():
        raise Http404("No such turn.")
    # This thread would keep its connection for as long as the answer speaks.
    connections.close_all()
    response = StreamingHttpResponse(_frames(request, turn_id), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


def frame(event: str, data: str) -> str:
    """Return one event as it goes over the line."""
    lines = "".join(f"data: {line}\n" for line in LINE_END.split(data))
    return f"event: {event}\n{lines}\n"


async def _frames(request: HttpRequest, turn_id: int) -> AsyncIterator[str]:
    tail = ""
    async with aclosing(follow(turn_id)) as events:
        async for event in events:
            if isinstance(event, Quiet):
                yield ": still here\n\n"
            elif isinstance(event, Stage):
                yield frame("stage", STAGES.get(event.name, ""))
            elif isinstance(event, Ended):
                yield frame("done", await in_database(turn_html, request, turn_id))
            else:
                frame_of_text, tail = _text_frame(event, tail, turn_id)
                yield frame_of_text


def _text_frame(event: Snapshot | Delta, tail: str, turn_id: int) -> tuple[str, str]:
    """Return the frame for more text after `tail`, and the tail that is left."""
    fresh = isinstance(event, Snapshot)
    if not fresh and "\n" not in tail + event.text:
        # nothing can have become complete: the common case, one token
        return frame("token", escape(event.text)), tail + event.text
    finished, left = split_blocks(event.text if fresh else tail + event.text)
    if not fresh and not finished:
        return frame("token", escape(event.text)), left
    context = {"turn_id": turn_id, "blocks": answer_html(finished, (), turn_id), "tail": left}
    name = "snapshot" if fresh else "block"
    return frame(name, render_to_string(f"chat/_answer_{name}.html", context)), left
