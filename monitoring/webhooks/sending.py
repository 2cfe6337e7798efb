"""Sending what is due. Each webhook has a lane: one request after another, in the order of the events, while nobody
else sends to it. Lanes run beside each other in one event loop, so that a slow receiver holds up nobody but itself.

A delivery is settled after its attempt. A process that dies in between has sent what is sent again: at least once.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from monitoring.exceptions import UnreadableSecretError
from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks.calling import TIME_LIMIT_SECONDS, Outcome, call
from monitoring.webhooks.requests import Request, request_of
from monitoring.webhooks.settling import settle

logger = logging.getLogger(__name__)

LANES = 20  # webhooks that are sent to at once
LANE_SECONDS = 5.0  # then a lane starts no further request, and others have their turn
# A lane is over by then; if its process died, another one takes it.
HELD_FOR = timedelta(seconds=LANE_SECONDS + TIME_LIMIT_SECONDS + 45)
# A receiver that fails is left in peace for so long, whatever else waits for it.
REST = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Lane:
    """The right of this process to send to a webhook."""

    webhook_id: int
    held_until: datetime


def send_due(seconds: float = 60.0) -> int:
    """Send what is due for at most about so long; return how many requests were taken by their receivers."""
    until, delivered = time.monotonic() + seconds, 0
    while time.monotonic() < until and (lanes := _take_lanes()):
        delivered += async_to_sync(_work_on)(lanes)
    return delivered


def _take_lanes() -> list[Lane]:
    """Take webhooks for which something is due, and that no other process has."""
    now = timezone.now()
    due = WebhookDelivery.objects.due(now).filter(webhook=OuterRef("pk")).order_by()
    held_until = now + HELD_FOR
    with transaction.atomic():
        free = (
            Webhook.objects.free(now)
            .filter(Exists(due))
            .select_for_update(skip_locked=True, no_key=True)
            .order_by("delivered_at")
        )
        ids = [webhook.pk for webhook in free.only("pk")[:LANES]]
        Webhook.objects.filter(pk__in=ids).update(held_until=held_until)
    return [Lane(webhook_id, held_until) for webhook_id in ids]


async def _work_on(lanes: list[Lane]) -> int:
    return sum(await asyncio.gather(*(_work_off(lane) for lane in lanes)))


async def _work_off(lane: Lane) -> int:
    """Send to one webhook until nothing is due, one request fails, or the time is over; return how many were taken."""
    began, delivered, is_well = time.monotonic(), 0, True
    try:
        while is_well and time.monotonic() - began < LANE_SECONDS:
            request = await sync_to_async(_next_request)(lane)
            if request is None:
                break
            is_well = await _send(request)
            delivered += is_well
    except Exception:  # an edge: the other lanes go on, and this one again when its time has passed
        logger.exception("webhook not worked off", extra={"webhook_id": lane.webhook_id})
        is_well = False
    await sync_to_async(_give_back)(lane, is_well)
    return delivered


def _next_request(lane: Lane) -> Request | None:
    """Return the next request of a lane, signed; None where nothing is due, or the webhook was switched off."""
    due = WebhookDelivery.objects.due(timezone.now()).select_related("webhook")
    delivery = due.filter(webhook=lane.webhook_id, webhook__is_active=True).first()
    if delivery is None:
        return None
    try:
        return request_of(delivery)
    except UnreadableSecretError as error:
        settle(delivery.pk, Outcome(0.0, error=str(error)), pause=str(error))
        return None


async def _send(request: Request) -> bool:
    outcome = await call(request.url, headers=request.headers, body=request.body)
    await sync_to_async(settle)(request.delivery_id, outcome)
    return outcome.is_delivered


def _give_back(lane: Lane, is_well: bool) -> None:
    """Let others send to a webhook, at once or after a rest; nothing happens where another process has it."""
    free_at = None if is_well else timezone.now() + REST
    Webhook.objects.filter(pk=lane.webhook_id, held_until=lane.held_until).update(held_until=free_at)
