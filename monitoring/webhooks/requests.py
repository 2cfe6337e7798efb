"""The request of a delivery: its body, with texts where the webhook asks for them, and its signature."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks import signing
from monitoring.webhooks.texts import texts_of


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    delivery_id: int
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def request_of(delivery: WebhookDelivery) -> Request:
    """Return the request of a delivery, signed for this moment. Raises UnreadableSecretError."""
    now, webhook, payload = timezone.now(), delivery.webhook, delivery.payload
    payload = {name: payload[name] for name in ("type", "timestamp", "data")}  # PostgreSQL keeps no order of names
    if webhook.with_text and (texts := texts_of(delivery.event, payload["data"])):
        payload = {**payload, "data": {**payload["data"], "texts": texts}}
    body = json.dumps(payload, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()
    signed = signing.headers(event_id=delivery.event_id, body=body, at=now, keys=_keys(webhook, now))
    return Request(delivery.pk, webhook.url, signed, body)


def _keys(webhook: Webhook, now: datetime) -> list[str]:
    """Return the secret, and the one before while it is valid."""
    stored = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > now:
        stored.append(webhook.previous_secret)
    return [signing.decrypt(one) for one in stored]
