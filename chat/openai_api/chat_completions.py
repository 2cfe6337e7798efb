"""Asking by OpenAI's protocol: whole or streamed. Who leaves does not want the answer any more: it is stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connections
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.database import in_database
from chat.models import Collection, Turn
from chat.models.api import Scope
from chat.openai_api.errors import AnswerFailedError, RefusedError, told
from chat.openai_api.model_list import asked_offer
from chat.openai_api.replies import DONE, Reply, event, finish_reason
from chat.openai_api.requests import ChatRequest, plain, read_chat_request
from chat.openai_api.shapes import CHAT_REQUEST, COMPLETION, EVENT
from chat.openai_api.view import OpenAIView
from chat.rag.config import SearchMode
from chat.services.client_conversations import Asked, Choices, ask_for_client, note_answer
from chat.services.offers import Offer
from chat.services.turns import request_stop
from chat.streaming import Delta, Ended, Quiet, Snapshot, follow, stop_here

# The second one is what Open WebUI sends, where it is told to.
CONVERSATION_HEADERS = ("X-Conversation-ID", "X-OpenWebUI-Chat-Id")
CONVERSATION_ID_MAX_CHARS = 200
_stops: set[asyncio.Task[None]] = set()  # the loop keeps no hold of its tasks


class ChatCompletions(OpenAIView):
    """Answers to questions."""

    access = {"POST": Access(Scope.CHAT)}
    other_errors = {"POST": ["409"]}

    @extend_schema(
        operation_id="createChatCompletion",
        parameters=[
            OpenApiParameter(header, str, OpenApiParameter.HEADER, description="Your own name of the conversation.")
            for header in CONVERSATION_HEADERS
        ],
        request={"application/json": CHAT_REQUEST},
        responses={(200, "application/json"): COMPLETION, (200, "text/event-stream"): EVENT},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Answer the last message, with the ones before as its history."""
        wanted = read_chat_request(request.data)
        offer = asked_offer(request.user, wanted.model)
        asked = Asked(wanted.question, wanted.history, conversation_id(request), wanted.end_user)
        turn = ask_for_client(user=request.user, asked=asked, choices=choices_of(wanted, offer))
        reply = Reply.to(turn, model=offer.name, ignored=wanted.ignored)
        # This thread would keep its connection for as long as the answer speaks.
        connections.close_all()
        if wanted.is_streamed:
            if async_to_sync(ended_unheard)(turn.pk):
                finished(turn.pk, asked)  # a failure before the first word has a status of its own
                connections.close_all()
            response = StreamingHttpResponse(
                stream(turn.pk, reply, asked, with_usage=wanted.with_usage, request_id=self.request_id),
                content_type="text/event-stream",
            )
            response["Cache-Control"] = "no-cache"
            response["X-Accel-Buffering"] = "no"
            return response
        async_to_sync(wait)(turn.pk)
        return Response(reply.whole(finished(turn.pk, asked)))


def conversation_id(request: Request) -> str:
    """Return what the client calls the conversation; empty: it does not say."""
    for header in CONVERSATION_HEADERS:
        if name := request.headers.get(header, "").strip():
            if len(name) > CONVERSATION_ID_MAX_CHARS:
                raise RefusedError(f"{header} may have {CONVERSATION_ID_MAX_CHARS} characters.", param=header)
            return plain(name, header)
    return ""


def choices_of(wanted: ChatRequest, offer: Offer) -> Choices:
    """Return what answers, with what the client chose under `ragsite`, as far as users may."""
    options = dict(wanted.options)
    name, mode = options.pop("collection", None), options.pop("search_mode", None)
    if options:
        raise RefusedError(
            f"'ragsite' can have collection and search_mode, not {', '.join(sorted(options))[:200]}.", param="ragsite"
        )
    for choice, value in (("collection", name), ("search_mode", mode)):
        if value is not None and choice not in settings.USER_CHOICES:
            raise RefusedError(f"Users do not choose the {choice} here.", param=f"ragsite.{choice}")
    if mode is not None and mode not in list(SearchMode):
        raise RefusedError(f"'ragsite.search_mode' is one of {', '.join(SearchMode)}.", param="ragsite.search_mode")
    collection = Collection.objects.filter(name=plain(name, "ragsite.collection")) if isinstance(name, str) else None
    found = collection.first() if collection is not None else None
    if name is not None and found is None:
        raise RefusedError("There is no collection of that name.", param="ragsite.collection")
    return Choices(offer.config, offer.model, mode or "", found)


async def wait(turn_id: int) -> None:
    """Wait for the end of an answer."""
    is_ended = False
    try:
        async with aclosing(follow(turn_id)) as events:
            async for _ in events:
                pass
        is_ended = True
    finally:
        if not is_ended:
            leave(turn_id)


async def ended_unheard(turn_id: int) -> bool:
    """Wait for the first word of an answer, as long as the line may be silent; true for one that ended meanwhile."""
    is_awaited = False
    try:
        async with aclosing(follow(turn_id)) as events:
            async for happened in events:
                has_begun = isinstance(happened, Snapshot | Delta) and bool(happened.text)
                if has_begun or isinstance(happened, Quiet | Ended):
                    is_awaited = True
                    return isinstance(happened, Ended)
    finally:
        if not is_awaited:
            leave(turn_id)
    return False


async def stream(turn_id: int, reply: Reply, asked: Asked, *, with_usage: bool, request_id: str) -> AsyncIterator[str]:
    """Yield the pieces of an answer as it comes."""
    without_usage = {"usage": None} if with_usage else {}  # the last piece has it
    is_ended, sent = False, ""
    try:
        yield reply.chunk({"role": "assistant", "content": ""}, **without_usage)
        async with aclosing(follow(turn_id)) as events:
            async for happened in events:
                if isinstance(happened, Quiet):
                    yield ": still here\n\n"
                elif isinstance(happened, Ended):
                    is_ended = True
                elif isinstance(happened, Snapshot | Delta):
                    # A snapshot repeats what was read before.
                    text = happened.text.removeprefix(sent) if isinstance(happened, Snapshot) else happened.text
                    sent += text
                    if text:
                        yield reply.chunk({"content": text}, **without_usage)
        try:
            turn = await in_database(finished, turn_id, asked)
        except Exception as error:  # it is too late for a status; what nobody foresaw is logged
            yield event(told(error, request_id=request_id)[1])
            return
        yield reply.chunk({}, finish_reason(turn), ragsite=reply.details(turn), **without_usage)
        if with_usage:
            yield reply.usage_chunk(turn)
        yield DONE
    finally:
        if not is_ended:
            leave(turn_id)


def finished(turn_id: int, asked: Asked) -> Turn:
    """Return a turn that has ended, with hits and calls, and keep where its conversation stands. Raises
    AnswerFailedError for one without an answer."""
    turn = Turn.objects.prefetch_related("hits", "calls").get(pk=turn_id)
    if turn.status not in (Turn.Status.DONE, Turn.Status.STOPPED):
        raise AnswerFailedError(turn)
    note_answer(turn=turn, asked=asked)
    return turn


def leave(turn_id: int) -> None:
    """Stop an answer that nobody waits for any more; what there is of it is kept."""
    stop_here(turn_id)
    task = asyncio.get_running_loop().create_task(in_database(stop_unread, turn_id))
    _stops.add(task)
    task.add_done_callback(_stops.discard)


def stop_unread(turn_id: int) -> None:
    """Ask for the stop in the database too, for an answer that nobody has begun."""
    if turn := Turn.objects.unfinished().filter(pk=turn_id).first():
        request_stop(turn=turn)
