"""The user's vote on an answer, and what else hints at its worth."""

from functools import partial
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.problems import ConflictError
from chat.api.turn_fields import FeedbackSerializer
from chat.api.turns import OWN, own_turn
from chat.api.view import ApiView, checked
from chat.models import Feedback, ImplicitSignal, Turn
from chat.models.api import Scope
from chat.models.feedback import Reason
from chat.services.feedback import COMMENT_CHARS, give_feedback, record_signal, withdraw_feedback

# Asking again and editing are recorded where they are done.
SIGNALS = [ImplicitSignal.Kind.COPY, ImplicitSignal.Kind.OPEN_SOURCE]


class VoteSerializer(serializers.Serializer[Any]):
    """A whole vote: it takes the place of an earlier one, with its reasons and comment."""

    value = serializers.ChoiceField(Feedback.Value.choices, help_text="1: thumbs up, -1: thumbs down.")
    reasons = serializers.ListField(
        child=serializers.ChoiceField(Reason.choices), required=False, default=list, max_length=len(Reason)
    )
    comment = serializers.CharField(required=False, default="", allow_blank=True, max_length=COMMENT_CHARS)


class SignalSerializer(serializers.Serializer[Any]):
    """What the user did."""

    kind = serializers.ChoiceField([kind.value for kind in SIGNALS])


class TurnFeedback(ApiView):
    """The user's vote on a turn."""

    access = {"GET": OWN, "PUT": Access(Scope.CHAT), "DELETE": Access(Scope.CHAT)}
    other_errors = {"PUT": ("409",)}

    @extend_schema(operation_id="get_feedback", responses=FeedbackSerializer)
    def get(self, request: Request, turn_id: int) -> Response:
        """Return your vote; 404 where there is none."""
        feedback = Feedback.objects.filter(turn=own_turn(request, turn_id), user=request.user.pk).first()
        if feedback is None:
            raise Http404
        return Response(FeedbackSerializer(feedback).data)

    @extend_schema(operation_id="give_feedback", request=VoteSerializer, responses=FeedbackSerializer)
    def put(self, request: Request, turn_id: int) -> Response:
        """Vote, or change your vote. Sent twice, it is one vote."""
        values = checked(VoteSerializer, request.data)
        turn = own_turn(request, turn_id)
        if not turn.is_finished:
            raise ConflictError("The answer is still being written; vote when it is complete.", code="still_answering")
        return Response(FeedbackSerializer(give_feedback(turn=turn, user=request.user, **values)).data)

    @extend_schema(operation_id="withdraw_feedback", responses={204: OpenApiResponse(description="There is none now.")})
    def delete(self, request: Request, turn_id: int) -> Response:
        """Take your vote back."""
        withdraw_feedback(turn=own_turn(request, turn_id), user=request.user)
        return Response(status=204)


class TurnSignals(ApiView):
    """Signals without words."""

    access = {"POST": Access(Scope.CHAT)}
    no_key = ""

    @extend_schema(
        operation_id="record_signal",
        request=SignalSerializer,
        responses={204: OpenApiResponse(description="Noted.")},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, turn_id: int) -> Response:
        """Note that the user copied the answer, or opened a source of it."""
        turn = own_turn(request, turn_id)
        return once(request, partial(_record, request, turn), lambda signal_id: None)


def _record(request: Request, turn: Turn) -> Done:
    kind = checked(SignalSerializer, request.data)["kind"]
    return Done(record_signal(turn=turn, user=request.user, kind=kind).pk, status=204)
