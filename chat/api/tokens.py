"""The tokens of the user who asks. A token cannot make tokens: who steals one cannot keep the door open."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.view import NOTHING, ApiView, checked
from chat.models import ApiToken
from chat.models.api import Scope
from chat.services.tokens import make_token, revoke_token


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token, without its secret."""

    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))

    class Meta:
        model = ApiToken
        fields = ["id", "name", "beginning", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]


class TokenListSerializer(serializers.Serializer[Any]):
    """All tokens of a user."""

    results = TokenSerializer(many=True)


class NewTokenSerializer(serializers.Serializer[Any]):
    """What a token is made of."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), min_length=1, max_length=len(Scope))
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Empty: it does not expire.")


class MadeTokenSerializer(TokenSerializer):
    """A token with its secret, this once."""

    secret = serializers.CharField(help_text="Goes into `Authorization: Bearer`. It is shown once.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class Tokens(ApiView):
    """The user's tokens."""

    access = {"GET": Access(Scope.READ), "POST": Access(Scope.ADMIN)}
    has_etag = True
    parameters = NOTHING
    no_key = "the reply holds a secret, and no secret is kept. If it is lost, revoke the token and make another."

    @extend_schema(operation_id="list_tokens", responses=TokenListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List one's own tokens, the newest first."""
        tokens = ApiToken.objects.filter(user=request.user.pk)
        return tagged(request, {"results": TokenSerializer(tokens, many=True).data})

    @extend_schema(operation_id="make_token", request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make a token; only for who is signed in by a browser, not with a token."""
        if isinstance(request.auth, ApiToken):
            raise PermissionDenied(
                "A token cannot make tokens; sign in and make it under API tokens.", code="session_needed"
            )
        token, secret = make_token(user=request.user, **checked(NewTokenSerializer, request.data))
        return Response(TokenSerializer(token).data | {"secret": secret}, status=201)


class OneToken(ApiView):
    """A token of the user."""

    access = {"DELETE": Access(Scope.ADMIN)}

    @extend_schema(operation_id="revoke_token", responses={204: OpenApiResponse(description="Revoked.")})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke one of one's own tokens; it opens nothing from then on."""
        revoke_token(token=get_object_or_404(ApiToken, pk=token_id, user=request.user.pk))
        return Response(status=204)
