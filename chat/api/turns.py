"""Turns: asking, and what a user does to an answer. All of it is of the user's own conversations; what is asked here
has the origin API."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.answers import TurnProblemSerializer, streamed_answer, whole_answer
from chat.api.choices import NAMES as CHOICES
from chat.api.choices import ChoicesSerializer, chosen
from chat.api.etags import tagged
from chat.api.fields import FIELDS
from chat.api.idempotency import IDEMPOTENCY_KEY, REPLAYED, Done, GoneError, done_once, renewed
from chat.api.renderers import EventStreamRenderer, wants
from chat.api.turn_fields import TurnRowSerializer, TurnSerializer, shown, turn_rows, whole_turns
from chat.api.view import ApiView, asked, checked
from chat.exceptions import BudgetUsedUpError, QuestionRefusedError
from chat.models import Conversation, Turn
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.services.conversations import ask, edit_question, regenerate, set_choices, start_conversation
from chat.services.turns import request_stop
from chat.streaming import stop_here

# What a program may do that only chats, too.
OWN = Access(Scope.READ, also=(Scope.CHAT,))
# What is documented of every operation that answers, whole or streamed.
ANSWERED = {
    (201, "application/json"): TurnSerializer,
    (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="Events; docs/api.md lists them."),
    (502, "application/problem+json"): TurnProblemSerializer,
    (503, "application/problem+json"): TurnProblemSerializer,
    (504, "application/problem+json"): TurnProblemSerializer,
}
STREAM_HELP = "Send events while the answer is written, as `Accept: text/event-stream` does."


class TurnFilters(serializers.Serializer[Any]):
    """Which turns a list has."""

    conversation = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(Turn.Status.choices, required=False)
    origin = serializers.ChoiceField(Origin.choices, required=False)
    current = serializers.BooleanField(
        required=False, help_text="false: those that a retry or an edit replaced; true: without them."
    )
    since = serializers.DateTimeField(required=False, help_text="Asked then or later.")
    until = serializers.DateTimeField(required=False, help_text="Asked before.")


class StreamSerializer(serializers.Serializer[Any]):
    """How to reply."""

    stream = serializers.BooleanField(required=False, default=False, help_text=STREAM_HELP)


class EditSerializer(StreamSerializer):
    """Other words."""

    question = serializers.CharField()


class QuestionSerializer(ChoicesSerializer):
    """A question."""

    question = serializers.CharField()
    conversation = serializers.UUIDField(
        required=False, allow_null=True, help_text="The one that goes on. Empty: a new one begins."
    )
    stream = serializers.BooleanField(required=False, default=False, help_text=STREAM_HELP)


class AnsweringView(ApiView):
    """Base of what answers a question, whole or streamed."""

    other_errors = {"POST": ("402", "409")}
    no_key = ""

    def get_renderers(self) -> list[Any]:
        """An answer may come as a stream; a list may not."""
        is_asked = self.request is not None and self.request.method == "POST"
        return [JSONRenderer(), EventStreamRenderer()] if is_asked else [JSONRenderer()]

    def answering(self, request: Request, work: Any, *, stream: bool) -> HttpResponseBase:
        """Do `work`, which returns the new turn, once; then reply with its answer. The same request, sent again, is
        replied to with the same turn, wherever that is; where that failed, with another in its place."""
        done = done_once(request, lambda: Done(work().pk))
        if done.is_replayed:
            done = renewed(request, done, partial(_again, request.user))
        reply = streamed_answer if stream or wants(request, EventStreamRenderer) else whole_answer
        try:
            response = reply(done.made, request.user)
        except (APIException, Http404) as error:
            response = self.handle_exception(error)
        for name, value in (REPLAYED if done.is_replayed else {}).items():
            response[name] = value
        return response


class Turns(AnsweringView):
    """The user's turns."""

    access = {"GET": OWN, "POST": Access(Scope.CHAT)}

    @extend_schema(operation_id="list_turns", parameters=[TurnFilters, FIELDS], responses=TurnRowSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's own turns, the last asked first; one of them has its hits too."""
        wanted = asked(request, TurnFilters)
        return self.page(request, _filtered(turn_rows(request.user), wanted), TurnRowSerializer, ordering="-asked_at")

    @extend_schema(operation_id="ask", request=QuestionSerializer, responses=ANSWERED, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request) -> HttpResponseBase:
        """Ask a question, and get its answer: the whole turn, or a stream of events."""
        values = checked(QuestionSerializer, request.data)
        return self.answering(request, partial(_ask, request.user, values), stream=values["stream"])


class OneTurn(ApiView):
    """A turn of the user."""

    access = {"GET": OWN}
    has_etag = True

    @extend_schema(operation_id="get_turn", responses=TurnSerializer)
    def get(self, request: Request, turn_id: int) -> HttpResponseBase:
        """Return a turn with its hits and your feedback; for administrators with calls and costs."""
        turn = get_object_or_404(whole_turns(request.user), pk=turn_id)
        return tagged(request, shown(turn, request.user))


class TurnStream(ApiView):
    """The events of an answer."""

    access = {"GET": OWN}
    http_method_names = ["get"]  # HEAD would begin an answer that nobody reads
    renderer_classes = [EventStreamRenderer, JSONRenderer]

    @extend_schema(
        operation_id="read_turn_stream",
        responses={(200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="Events.")},
    )
    def get(self, request: Request, turn_id: int) -> HttpResponseBase:
        """Read an answer, from its beginning, while it is written or later: for a line that was lost."""
        return streamed_answer(turn_id, request.user)


class StopTurn(ApiView):
    """Stopping."""

    access = {"POST": Access(Scope.CHAT)}
    takes_no_body = True

    @extend_schema(
        operation_id="stop_turn", request=None, responses={204: OpenApiResponse(description="Stopped, or finished.")}
    )
    def post(self, request: Request, turn_id: int) -> Response:
        """Stop an answer; the text so far is kept. One that is finished stays as it is."""
        turn = own_turn(request, turn_id)
        request_stop(turn=turn)
        stop_here(turn.pk)
        return Response(status=204)


class RetryTurn(AnsweringView):
    """Answering again."""

    access = {"POST": Access(Scope.CHAT)}

    @extend_schema(
        operation_id="retry_turn", request=StreamSerializer, responses=ANSWERED, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request, turn_id: int) -> HttpResponseBase:
        """Answer the last question of a conversation again. The new turn takes the place of the old one."""
        stream = checked(StreamSerializer, request.data)["stream"]
        turn = own_turn(request, turn_id)
        work = partial(regenerate, turn=turn, user=request.user, origin=Origin.API)
        return self.answering(request, work, stream=stream)


class EditTurn(AnsweringView):
    """Asking in other words."""

    access = {"POST": Access(Scope.CHAT)}

    @extend_schema(operation_id="edit_turn", request=EditSerializer, responses=ANSWERED, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request, turn_id: int) -> HttpResponseBase:
        """Ask the last question of a conversation in other words. The new turn takes the place of the old one."""
        values = checked(EditSerializer, request.data)
        turn = own_turn(request, turn_id)
        edit = partial(edit_question, turn=turn, user=request.user, origin=Origin.API)
        return self.answering(request, partial(edit, question=values["question"]), stream=values["stream"])


def own_turn(request: Request, turn_id: int) -> Turn:
    """Return a turn of the user's or raise 404: missing and forbidden look the same."""
    return get_object_or_404(Turn.objects.visible_to(request.user), pk=turn_id)


def _ask(user: Any, values: dict[str, Any]) -> Turn:
    if values.get("conversation") is None:
        return start_conversation(user=user, question=values["question"], origin=Origin.API, **chosen(values))
    conversation = Conversation.objects.visible_to(user).filter(pk=values["conversation"]).first()
    if conversation is None:
        error = ErrorDetail("You have no such conversation.", code="does_not_exist")
        raise ValidationError({"conversation": error})
    if values.keys() & set(CHOICES):
        set_choices(conversation=conversation, **chosen(values, conversation))
    return ask(conversation=conversation, question=values["question"], origin=Origin.API)


def _again(user: Any, turn_id: int) -> Done:
    """Return the turn that a request made earlier. One that failed is answered again, unless that was done already, or
    cannot be, as the conversation went on."""
    turns = Turn.objects.visible_to(user)
    turn = turns.filter(pk=turn_id).first()
    if turn is None:
        raise GoneError
    if turn.may_retry and not turn.is_current:
        in_its_place = turns.current().filter(conversation=turn.conversation_id, position=turn.position)
        turn = in_its_place.filter(question=turn.question).first() or turn
    if turn.may_retry:
        try:
            return Done(regenerate(turn=turn, user=user, origin=Origin.API).pk)
        except BudgetUsedUpError:
            raise
        except QuestionRefusedError:
            pass
    return Done(turn.pk, is_replayed=True)


def _filtered(turns: QuerySet[Turn], wanted: dict[str, Any]) -> QuerySet[Turn]:
    names = {
        "conversation": "conversation_id",
        "status": "status",
        "origin": "origin",
        "current": "is_current",
        "since": "created_at__gte",
        "until": "created_at__lt",
    }
    return turns.filter(**{names[name]: value for name, value in wanted.items()})
