"""Who asks, with what, and what may be chosen here."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.tokens import TokenSerializer
from chat.api.view import ApiView
from chat.models import ApiToken
from chat.models.api import Scope


class MeSerializer(serializers.Serializer[Any]):
    """A user, and the token that was sent."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    is_staff = serializers.BooleanField(help_text="May open the admin.")
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text='Such as "chat.view_turn"; an administrator has all.'
    )
    token = TokenSerializer(allow_null=True, help_text="Empty: signed in by a browser.")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), help_text="What may be done by them.")
    requests_per_minute = serializers.DictField(
        child=serializers.IntegerField(), help_text="By scope, of all your tokens together."
    )
    choices = serializers.ListField(
        child=serializers.CharField(), help_text="What may be chosen with a question: RAGSITE_USER_CHOICES."
    )


class Me(ApiView):
    """The user who asks."""

    access = {"GET": Access(Scope.READ, also=(Scope.CHAT, Scope.SCORE, Scope.ADMIN))}

    @extend_schema(operation_id="get_me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Say who asks, what the token and its user may do, and how often. Any scope will do."""
        user: Any = request.user  # a model of the settings' choice
        token = request.auth if isinstance(request.auth, ApiToken) else None
        me = {
            "id": user.pk,
            "username": user.get_username(),
            "email": user.email,
            "is_staff": user.is_staff,
            "permissions": sorted(user.get_all_permissions()),
            "token": token,
            "scopes": token.scopes if token else list(Scope),
            "requests_per_minute": settings.API_REQUESTS_PER_MINUTE,
            "choices": sorted(settings.USER_CHOICES),
        }
        return Response(MeSerializer(me).data)
