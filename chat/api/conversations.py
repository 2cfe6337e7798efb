"""The user's conversations. One is begun by asking (turns.py)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.choices import NAMES as CHOICES
from chat.api.choices import ChoicesSerializer, chosen
from chat.api.etags import tagged
from chat.api.renderers import MarkdownRenderer, wants
from chat.api.turn_fields import TurnSerializer, shown, whole_turns
from chat.api.view import ApiView, asked, checked
from chat.models import Conversation
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.services.conversations import delete_conversation, rename_conversation, set_choices
from chat.services.exports import conversation_as_json, conversation_as_markdown

OWN = Access(Scope.READ, also=(Scope.CHAT,))


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    """A conversation."""

    collection = serializers.IntegerField(
        source="collection_id", allow_null=True, help_text="Empty: all collections are searched."
    )

    class Meta:
        model = Conversation
        fields = ["id", "title", "origin", "collection", "search_mode", "model", "created_at", "updated_at"]


class WholeConversationSerializer(ConversationSerializer):
    """A conversation with its transcript."""

    turns = TurnSerializer(many=True)

    class Meta(ConversationSerializer.Meta):
        fields = [*ConversationSerializer.Meta.fields, "turns"]


class ConversationChangeSerializer(ChoicesSerializer):
    """What can be changed of a conversation; what is left out stays as it is."""

    title = serializers.CharField(required=False, max_length=200)


class ConversationFilters(serializers.Serializer[Any]):
    """Which conversations a list has."""

    q = serializers.CharField(
        required=False, max_length=200, help_text="Words of the title, of a question or of an answer, as they stand."
    )
    origin = serializers.ChoiceField(Origin.choices, required=False)


class ExportFilters(serializers.Serializer[Any]):
    """How a conversation is exported."""

    format = serializers.ChoiceField(["json", "markdown"], required=False, help_text="Empty: as `Accept` says.")


class Conversations(ApiView):
    """The user's conversations."""

    access = {"GET": OWN}

    @extend_schema(
        operation_id="list_conversations",
        parameters=[ConversationFilters],
        responses=ConversationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """List one's own conversations, the last used first."""
        wanted = asked(request, ConversationFilters)
        conversations = Conversation.objects.visible_to(request.user).matching(wanted.get("q", ""))
        if origin := wanted.get("origin"):
            conversations = conversations.filter(origin=origin)
        return self.page(request, conversations, ConversationSerializer, ordering="-updated_at")


class OneConversation(ApiView):
    """A conversation of the user."""

    access = {"GET": OWN, "PATCH": Access(Scope.CHAT), "DELETE": Access(Scope.CHAT)}
    has_etag = True

    @extend_schema(operation_id="get_conversation", responses=WholeConversationSerializer)
    def get(self, request: Request, conversation_id: UUID) -> HttpResponseBase:
        """Return a conversation with its transcript: without turns that a retry or an edit replaced."""
        conversation = own_conversation(request, conversation_id)
        turns = whole_turns(request.user).filter(conversation=conversation, is_current=True)
        data = ConversationSerializer(conversation).data
        return tagged(request, {**data, "turns": shown(turns, request.user, many=True)})

    @extend_schema(
        operation_id="change_conversation", request=ConversationChangeSerializer, responses=ConversationSerializer
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        """Give a conversation another title, or choose model, search mode and collection of its next questions."""
        conversation = own_conversation(request, conversation_id)
        values = checked(ConversationChangeSerializer, request.data)
        if values.keys() & set(CHOICES):
            set_choices(conversation=conversation, **chosen(values, conversation))
        if title := values.get("title"):
            rename_conversation(conversation=conversation, title=title)
        return Response(ConversationSerializer(conversation).data)

    @extend_schema(operation_id="delete_conversation", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Delete a conversation: its texts are gone for good, its numbers stay for the figures."""
        delete_conversation(conversation=own_conversation(request, conversation_id))
        return Response(status=204)


class ConversationExport(ApiView):
    """A conversation as a file."""

    access = {"GET": OWN}
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(
        operation_id="export_conversation",
        parameters=[OpenApiParameter("format", str, enum=["json", "markdown"], description="Empty: as `Accept` says.")],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, conversation_id: UUID) -> HttpResponseBase:
        """Return the transcript with its sources, to take along."""
        form = asked(request, ExportFilters, also=frozenset()).get("format") or ""
        conversation = own_conversation(request, conversation_id)
        if form == "markdown" or (not form and wants(request, MarkdownRenderer)):
            return HttpResponse(conversation_as_markdown(conversation), content_type="text/markdown; charset=utf-8")
        return Response(conversation_as_json(conversation), content_type="application/json")


def own_conversation(request: Request, conversation_id: UUID) -> Conversation:
    """Return the user's conversation or raise 404: missing and forbidden look the same."""
    return get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)
