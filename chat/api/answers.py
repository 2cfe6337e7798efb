"""The reply to a question: the whole answer once it is there, or a stream of events while it is written.

start      {"turn", "conversation"}: their ids, the first event
stage      {"stage"}: "searching", then "answering"
snapshot   {"text"}: all text so far, for who reads on; it takes the place of what came before
token      {"text"}: more text
done       the whole turn, the last event; its answer is what counts: citations of nothing are taken out of it
error      problem details with the turn's id, the last event of a turn that failed

Between events, and while an answer is waited for, no database connection is held.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from chat.api.problems import body_of
from chat.api.schema import ProblemSerializer
from chat.api.turn_fields import shown, whole_turns
from chat.database import in_database
from chat.models import Turn
from chat.streamed_lines import on_one_line
from chat.streaming import Delta, Ended, Quiet, Snapshot, Stage, StreamEvent, follow, wait_for_answer

# Beyond the time limit of one call to a model: for the search, and a call before the answer.
WAIT_MARGIN_SECONDS = 30.0
# By error code of the turn; the model's server, or the embedder's, is at fault in all other cases.
STATUSES = {"internal": HTTPStatus.INTERNAL_SERVER_ERROR, "interrupted": HTTPStatus.SERVICE_UNAVAILABLE}
QUIET = ": still here\n\n"


class TurnProblemSerializer(ProblemSerializer):
    """Problem details of a turn without an answer: it is on record, and can be retried."""

    turn = serializers.IntegerField()
    conversation = serializers.UUIDField()


class TurnProblemError(APIException):
    """A turn ended without an answer, or goes on for longer than a reply waits."""

    def __init__(self, turn: Turn, status: int, code: str, detail: str) -> None:
        super().__init__(detail, code)
        self.status_code = int(status)
        self.members = {"turn": turn.pk, "conversation": str(turn.conversation_id)}


def whole_answer(turn_id: int, user: Any) -> Response:
    """Answer, wait, and reply with the turn; TurnProblemError where there is no answer."""
    wait_for_answer(turn_id, settings.LLM_TOTAL_TIMEOUT_SECONDS + WAIT_MARGIN_SECONDS)
    turn = get_object_or_404(whole_turns(user), pk=turn_id)
    if error := _problem_of(turn):
        raise error
    return Response(shown(turn, user), status=HTTPStatus.CREATED)


def streamed_answer(turn_id: int, user: Any) -> HttpResponseBase:
    """Answer, if nobody does, and reply with what happens as it happens."""
    turn = get_object_or_404(Turn.objects.visible_to(user), pk=turn_id)
    # This thread would keep its connection for as long as the answer speaks.
    connections.close_all()
    response = StreamingHttpResponse(_frames(turn, user), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


async def _frames(turn: Turn, user: Any) -> AsyncIterator[str]:
    yield _frame("start", {"turn": turn.pk, "conversation": str(turn.conversation_id)})
    async with aclosing(follow(turn.pk)) as events:
        async for event in events:
            if isinstance(event, Ended):
                yield await in_database(_last_frame, turn.pk, user)
            elif frame := _frame_of(event):
                yield frame


def _frame_of(event: StreamEvent) -> str:
    if isinstance(event, Quiet):
        return QUIET
    if isinstance(event, Stage):
        return _frame("stage", {"stage": event.name})
    if isinstance(event, Snapshot):
        return _frame("snapshot", {"text": event.text}) if event.text else ""
    return _frame("token", {"text": event.text}) if isinstance(event, Delta) else ""


def _last_frame(turn_id: int, user: Any) -> str:
    turn = whole_turns(user).filter(pk=turn_id).first()
    if turn is None:
        return _frame("error", body_of(404, "not_found", "The conversation was deleted meanwhile."))
    if error := _problem_of(turn):
        body = body_of(error.status_code, str(error.get_codes()), str(error.detail))
        return _frame("error", body | error.members)
    return _frame("done", shown(turn, user))


def _problem_of(turn: Turn) -> TurnProblemError | None:
    """Return why a turn has no answer; None: it has one, or was stopped on purpose."""
    if not turn.is_finished:
        detail = "The answer takes long. It goes on: read it at its address, or stop it."
        return TurnProblemError(turn, HTTPStatus.GATEWAY_TIMEOUT, "still_answering", detail)
    if turn.status in (Turn.Status.FAILED, Turn.Status.INTERRUPTED):
        code = turn.error_code or "error"
        return TurnProblemError(turn, STATUSES.get(code, HTTPStatus.BAD_GATEWAY), code, turn.error_message)
    return None


def _frame(event: str, data: Any) -> str:
    return f"event: {event}\ndata: {on_one_line(JSONRenderer().render(data).decode())}\n\n"
