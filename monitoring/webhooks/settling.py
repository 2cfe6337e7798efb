"""What became of an attempt, written down: for the delivery, and for the health of its webhook."""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from monitoring.models import Webhook, WebhookDelivery
from monitoring.models.webhooks import TEST_EVENT
from monitoring.webhooks.calling import Outcome
from monitoring.webhooks.retrying import PAUSED_AFTER, delay_after

logger = logging.getLogger(__name__)

Status = WebhookDelivery.Status


def settle(delivery_id: int, outcome: Outcome, *, pause: str = "") -> None:
    """Write down an attempt; the next one is made later, or it has failed. `pause`: why its webhook is switched off.
    Nothing happens where the delivery does not wait any more."""
    now = timezone.now()
    with transaction.atomic():
        waiting = WebhookDelivery.objects.select_for_update(of=("self",)).filter(pk=delivery_id, status=Status.PENDING)
        delivery = waiting.first()
        if delivery is None:
            return
        delivery.attempts += 1
        delivery.attempted_at, delivery.seconds = now, outcome.seconds
        delivery.response_status, delivery.response_text = outcome.status, outcome.text
        delivery.error, delivery.next_at = outcome.error, None
        if outcome.is_delivered:
            delivery.status = Status.DELIVERED
        else:
            # A test is for the person who waits for it.
            delay = None if delivery.event == TEST_EVENT else delay_after(delivery.attempts, outcome)
            delivery.status = Status.FAILED if delay is None else Status.PENDING
            delivery.next_at = now + delay if delay is not None else None
        delivery.save(
            update_fields=[
                "attempts",
                "attempted_at",
                "seconds",
                "response_status",
                "response_text",
                "error",
                "next_at",
                "status",
            ]
        )
        _note_health(delivery, outcome, pause, now)


def _note_health(delivery: WebhookDelivery, outcome: Outcome, pause: str, now: datetime) -> None:
    webhook = Webhook.objects.select_for_update(no_key=True).get(pk=delivery.webhook_id)
    if outcome.is_delivered:
        webhook.delivered_at, webhook.failing_since = now, None
    elif delivery.event != TEST_EVENT:
        webhook.failing_since = webhook.failing_since or now
        pause = pause or _reason_to_pause(webhook, outcome, now)
        if pause and webhook.is_active:
            webhook.is_active, webhook.paused_at, webhook.paused_reason = False, now, pause
            logger.warning("webhook switched off by itself", extra={"webhook_id": webhook.pk})
    webhook.save(update_fields=["delivered_at", "failing_since", "is_active", "paused_at", "paused_reason"])


def _reason_to_pause(webhook: Webhook, outcome: Outcome, now: datetime) -> str:
    if outcome.is_gone:
        return "Its receiver answered 410, which says that it wants nothing more."
    if webhook.failing_since and webhook.failing_since <= now - PAUSED_AFTER:
        return f"It took nothing for {PAUSED_AFTER.days} days. The last attempt: {outcome.error}"
    return ""
