"""Webhooks: made, changed, tested, given a new secret."""

from functools import partial
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import NOTHING, ApiView, checked
from chat.models.api import Scope
from monitoring.api.webhook_deliveries import WebhookDeliverySerializer, shown_delivery
from monitoring.models import Webhook
from monitoring.models.webhooks import Event
from monitoring.webhooks.managing import (
    ORIGINS,
    change_webhook,
    delete_webhook,
    make_webhook,
    rotate_secret,
    send_test,
)


class WebhookFieldsSerializer(serializers.Serializer[Any]):
    """What a webhook is made of."""

    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=1000, help_text="An https address, or one of RAGSITE_WEBHOOK_NETWORKS.")
    events = serializers.ListField(
        child=serializers.ChoiceField(Event.choices), min_length=1, max_length=len(Event), help_text="What it is told."
    )
    origins = serializers.ListField(
        child=serializers.ChoiceField(ORIGINS),
        min_length=1,
        max_length=len(ORIGINS),
        required=False,
        help_text="Whose votes, flags, reviews and experiments; USER and API unless something else is chosen.",
    )
    with_text = serializers.BooleanField(required=False, help_text="Send questions, answers and comments along.")
    is_active = serializers.BooleanField(required=False)


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook with its health, without its secret."""

    events = serializers.ListField(child=serializers.ChoiceField(Event.choices))
    origins = serializers.ListField(child=serializers.ChoiceField(ORIGINS))
    waiting = serializers.IntegerField(help_text="Deliveries that wait for an attempt.")
    failed = serializers.IntegerField(help_text="Deliveries that failed for good.")

    class Meta:
        model = Webhook
        fields = [
            "id",
            "name",
            "url",
            "events",
            "origins",
            "with_text",
            "is_active",
            "paused_at",
            "paused_reason",
            "failing_since",
            "delivered_at",
            "previous_until",
            "waiting",
            "failed",
            "created_at",
        ]


class WebhookListSerializer(serializers.Serializer[Any]):
    """All of them: there are few."""

    results = WebhookSerializer(many=True)


class WebhookSecretSerializer(serializers.Serializer[Any]):
    """A secret, this once."""

    secret = serializers.CharField(help_text="By which the receiver checks signatures. It is shown once.")


class MadeWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, this once."""

    secret = serializers.CharField(help_text="By which the receiver checks signatures. It is shown once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class Webhooks(ApiView):
    """All webhooks."""

    access = {
        "GET": Access(Scope.ADMIN, "monitoring.view_webhook"),
        "POST": Access(Scope.ADMIN, "monitoring.add_webhook"),
    }
    no_key = (
        "the reply holds a secret, and no secret is kept. If it is lost, find the webhook by its name and make a new"
        " secret; the same name is not taken twice."
    )
    has_etag = True
    parameters = NOTHING

    @extend_schema(operation_id="list_webhooks", responses=WebhookListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List all webhooks, by name."""
        return tagged(request, {"results": WebhookSerializer(Webhook.objects.with_counts(), many=True).data})

    @extend_schema(operation_id="make_webhook", request=WebhookFieldsSerializer, responses={201: MadeWebhookSerializer})
    def post(self, request: Request) -> Response:
        """Make a webhook; the reply holds its secret, which cannot be read again. It takes no Idempotency-Key, which
        would keep the secret; a second request with the same name is refused."""
        webhook, secret = make_webhook(by=request.user, **checked(WebhookFieldsSerializer, request.data))
        return Response(_shown(webhook.pk) | {"secret": secret}, status=201)


class OneWebhook(ApiView):
    """A webhook."""

    access = {
        "GET": Access(Scope.ADMIN, "monitoring.view_webhook"),
        "PATCH": Access(Scope.ADMIN, "monitoring.change_webhook"),
        "DELETE": Access(Scope.ADMIN, "monitoring.delete_webhook"),
    }
    has_etag = True

    @extend_schema(operation_id="get_webhook", responses=WebhookSerializer)
    def get(self, request: Request, webhook_id: int) -> HttpResponseBase:
        """Return a webhook."""
        return tagged(request, _shown(webhook_id))

    @extend_schema(operation_id="change_webhook", request=WebhookFieldsSerializer, responses=WebhookSerializer)
    def patch(self, request: Request, webhook_id: int) -> Response:
        """Change some of a webhook. One that is switched on again is sent what waits for it."""
        webhook = get_object_or_404(Webhook, pk=webhook_id)
        change_webhook(webhook=webhook, **checked(WebhookFieldsSerializer, request.data, partial=True))
        return Response(_shown(webhook_id))

    @extend_schema(operation_id="delete_webhook", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Delete a webhook with the log of its deliveries."""
        delete_webhook(webhook=get_object_or_404(Webhook, pk=webhook_id))
        return Response(status=204)


class WebhookTest(ApiView):
    """A test of a webhook."""

    access = {"POST": Access(Scope.ADMIN, "monitoring.change_webhook")}
    takes_no_body = True
    no_key = ""

    @extend_schema(
        operation_id="test_webhook",
        request=None,
        responses={201: WebhookDeliverySerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send a test event at once, and reply with what came back, within 10 seconds."""
        webhook = get_object_or_404(Webhook, pk=webhook_id)
        work = partial(_test, webhook, request.user)
        return once(request, work, partial(shown_delivery, webhook_id))


class WebhookSecret(ApiView):
    """The secret of a webhook."""

    access = {"POST": Access(Scope.ADMIN, "monitoring.change_webhook")}
    takes_no_body = True
    no_key = "the reply is a secret, and no secret is kept. If it is lost, make another."

    @extend_schema(operation_id="rotate_webhook_secret", request=None, responses={201: WebhookSecretSerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Make a new secret; for 24 hours requests are signed by the old one too."""
        secret = rotate_secret(webhook=get_object_or_404(Webhook, pk=webhook_id))
        return Response({"secret": secret}, status=201)


def _test(webhook: Webhook, user: Any) -> Done:
    return Done(send_test(webhook=webhook, by=user).pk)


def _shown(webhook_id: int) -> Any:
    return WebhookSerializer(get_object_or_404(Webhook.objects.with_counts(), pk=webhook_id)).data
