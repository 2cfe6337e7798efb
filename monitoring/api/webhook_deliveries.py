"""The log of a webhook: what it was sent, and what came back."""

from functools import partial
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import ApiView, asked
from chat.models.api import Scope
from monitoring.models import Webhook, WebhookDelivery
from monitoring.models.webhooks import TEST_EVENT, Event
from monitoring.webhooks.managing import send_again

EVENTS = [*Event.choices, (TEST_EVENT, "The test button")]


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """An event for a webhook."""

    event = serializers.ChoiceField(EVENTS)
    payload = serializers.JSONField(help_text="What is sent, without texts, which are not kept.")

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "event",
            "event_id",
            "payload",
            "status",
            "attempts",
            "next_at",
            "response_status",
            "response_text",
            "error",
            "seconds",
            "created_at",
            "attempted_at",
        ]


class WebhookDeliveryFilterSerializer(serializers.Serializer[Any]):
    """Which deliveries."""

    status = serializers.ChoiceField(WebhookDelivery.Status.choices, required=False)
    event = serializers.ChoiceField(EVENTS, required=False)


class WebhookDeliveries(ApiView):
    """Deliveries of a webhook."""

    access = {"GET": Access(Scope.ADMIN, "monitoring.view_webhookdelivery")}

    @extend_schema(
        operation_id="list_webhook_deliveries",
        parameters=[WebhookDeliveryFilterSerializer],
        responses=WebhookDeliverySerializer(many=True),
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """List what a webhook was sent in the last 30 days, the newest first."""
        webhook = get_object_or_404(Webhook, pk=webhook_id)
        rows = webhook.deliveries.filter(**asked(request, WebhookDeliveryFilterSerializer))
        return self.page(request, rows, WebhookDeliverySerializer, ordering="-created_at")


class OneWebhookDelivery(ApiView):
    """A delivery."""

    access = {"GET": Access(Scope.ADMIN, "monitoring.view_webhookdelivery")}

    @extend_schema(operation_id="get_webhook_delivery", responses=WebhookDeliverySerializer)
    def get(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Return a delivery."""
        return Response(shown_delivery(webhook_id, delivery_id))


class WebhookDeliveryAgain(ApiView):
    """A delivery, once more."""

    access = {"POST": Access(Scope.ADMIN, "monitoring.change_webhookdelivery")}
    takes_no_body = True
    no_key = ""

    @extend_schema(
        operation_id="send_webhook_again",
        request=None,
        responses={202: WebhookDeliverySerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Send a delivery again, under the same id, within a minute."""
        work = partial(_send, _find(webhook_id, delivery_id))
        return once(request, work, partial(shown_delivery, webhook_id))


def shown_delivery(webhook_id: int, delivery_id: int) -> Any:
    """Return a delivery as it is sent."""
    return WebhookDeliverySerializer(_find(webhook_id, delivery_id)).data


def _send(delivery: WebhookDelivery) -> Done:
    send_again(delivery=delivery)
    return Done(delivery.pk, status=202)


def _find(webhook_id: int, delivery_id: int) -> WebhookDelivery:
    return get_object_or_404(WebhookDelivery, pk=delivery_id, webhook=webhook_id)
