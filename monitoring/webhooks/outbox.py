"""The outbox: an event is written for each webhook that listens, in the transaction that makes it true. What was not
committed is not told; what was committed is sent at least once, also when processes die on the way."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from chat.services.remembered import Remembered
from monitoring.models import Webhook, WebhookDelivery

TASK = "monitoring.tasks.send_webhooks"
BATCH = 500

# Locked until the transaction ends, so that none is deleted while something is written for it; this lock is shared, and
# only deletion and another name wait for it.
LISTENERS_SQL = """
SELECT id, origins
  FROM monitoring_webhook
 WHERE is_active
   AND events @> ARRAY[%(event)s]::varchar[]
 ORDER BY id
   FOR KEY SHARE
"""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened. `key` tells it from all others of its event: told twice, it is written once."""

    key: str
    data: dict[str, Any]
    origin: str | None = None  # None: of no traffic, so that all who listen are told


@Remembered
def heard_events() -> frozenset[str]:
    """Return the events that somebody listens to. Kept for two seconds, so that a vote costs no query for it: what
    happens in the first two seconds of a webhook that another process made may go untold."""
    with transaction.atomic():  # a vote is being stored meanwhile: it goes on without this if this fails
        told = Webhook.objects.filter(is_active=True).values_list("events", flat=True)
        return frozenset(event for events in told for event in events)


def listeners(event: str) -> list[Webhook]:
    """Return the webhooks that are told of an event. One query, all that an event costs when nobody listens."""
    return list(Webhook.objects.raw(LISTENERS_SQL, {"event": event}))


def note(event: str, webhooks: Sequence[Webhook], happenings: Iterable[Happening]) -> int:
    """Write what happened for each webhook that wants its origin, in the caller's transaction, and have the worker send
    it after commit; return how many deliveries that are."""
    now = timezone.now()
    rows = [
        WebhookDelivery(
            webhook=webhook,
            event=event,
            event_id=event_id(event, happening.key),
            payload={"type": event, "timestamp": now.isoformat(timespec="milliseconds"), "data": happening.data},
            next_at=now,
        )
        for happening in happenings
        for webhook in webhooks
        if happening.origin is None or happening.origin in webhook.origins
    ]
    if rows:
        WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
        transaction.on_commit(ask_for_sending)
    return len(rows)


def event_id(event: str, key: str) -> str:
    """Return the id of an event: of the same happening always the same, and random to whoever does not know the key."""
    return "evt_" + hashlib.sha256(f"{event}\n{key}".encode()).hexdigest()[:32]


def ask_for_sending() -> None:
    """Have the worker send what is due."""
    # Successes are not kept: they would push out what people look for.
    async_task(TASK, q_options={"save": False})
