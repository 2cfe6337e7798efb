"""Making, changing and testing webhooks. The only writer of what people say of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

from chat.models.conversation import Origin
from monitoring.exceptions import WebhookError
from monitoring.models import Webhook, WebhookDelivery
from monitoring.models.webhooks import TEST_EVENT, Event
from monitoring.webhooks import links, signing
from monitoring.webhooks.addresses import read_url
from monitoring.webhooks.calling import call
from monitoring.webhooks.outbox import ask_for_sending, event_id, heard_events
from monitoring.webhooks.requests import request_of
from monitoring.webhooks.settling import settle

# After a secret is replaced, both sign for so long.
OVERLAP = timedelta(hours=24)
KEPT_FOR = timedelta(days=30)
FORGOTTEN_AT_ONCE = 10_000

# Whose votes, flags, reviews and experiments can be told of; evaluation runs have events of their own.
ORIGINS = (Origin.USER.value, Origin.API.value, Origin.SYNTHETIC.value)

Status = WebhookDelivery.Status


def make_webhook(*, by: Any = None, **fields: Any) -> tuple[Webhook, str]:
    """Make a webhook of name, url, events and more; return it and its secret, which cannot be shown again. Raises
    WebhookError for what cannot be."""
    secret = signing.make_secret()
    webhook = Webhook(created_by=by, secret=signing.encrypt(secret), **fields)
    _check(webhook)
    webhook.save()
    heard_events.forget()
    return webhook, secret


def change_webhook(*, webhook: Webhook, **fields: Any) -> Webhook:
    """Change some of a webhook. One that is switched on again begins with a clean slate, and what waits is sent."""
    with transaction.atomic():
        locked = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        was_active = locked.is_active
        for name, value in fields.items():
            setattr(locked, name, value)
        _check(locked)
        changed = list(fields)
        if locked.is_active and not was_active:
            locked.paused_at, locked.paused_reason, locked.failing_since, locked.held_until = None, "", None, None
            changed += ["paused_at", "paused_reason", "failing_since", "held_until"]
            transaction.on_commit(ask_for_sending)
        locked.save(update_fields=changed)
        transaction.on_commit(heard_events.forget)
    return locked


def delete_webhook(*, webhook: Webhook) -> None:
    """Delete a webhook with its log, once nobody writes to it any more."""
    with transaction.atomic():
        for locked in Webhook.objects.select_for_update().filter(pk=webhook.pk):
            locked.delete()


def rotate_secret(*, webhook: Webhook) -> str:
    """Give a webhook a new secret and return it; for 24 hours requests are signed by the old one too."""
    secret = signing.make_secret()
    with transaction.atomic():
        locked = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        locked.previous_secret, locked.previous_until = locked.secret, timezone.now() + OVERLAP
        try:
            signing.decrypt(locked.previous_secret)
        except WebhookError:  # nobody can sign by it
            locked.previous_secret, locked.previous_until = "", None
        locked.secret = signing.encrypt(secret)
        locked.save(update_fields=["secret", "previous_secret", "previous_until"])
    return secret


def send_test(*, webhook: Webhook, by: Any = None) -> WebhookDelivery:
    """Send a test at once, whether the webhook is on or not, and return what became of it. Takes 10 s at most. Raises
    UnreadableSecretError."""
    now = timezone.now()
    delivery = WebhookDelivery.objects.create(
        webhook=webhook,
        event=TEST_EVENT,
        event_id=event_id(TEST_EVENT, f"{webhook.pk} {now.isoformat()}"),
        payload={
            "type": TEST_EVENT,
            "timestamp": now.isoformat(timespec="milliseconds"),
            "data": {
                "webhook_id": webhook.pk,
                "name": webhook.name,
                "sent_by": getattr(by, "pk", None),
                "url": links.page("monitoring_webhook_change", webhook.pk),
            },
        },
        next_at=now + KEPT_FOR * 2,  # the worker never sends it: it is deleted before
    )
    try:
        request = request_of(delivery)
    except WebhookError:
        delivery.delete()
        raise
    outcome = async_to_sync(call)(request.url, headers=request.headers, body=request.body)
    settle(delivery.pk, outcome)
    delivery.refresh_from_db()
    return delivery


def send_again(*, delivery: WebhookDelivery) -> None:
    """Send a delivery once more, under the same id, with all its attempts. Raises WebhookError for a test."""
    if delivery.event == TEST_EVENT:
        raise WebhookError("A test is not sent again; send another one.")
    with transaction.atomic():
        WebhookDelivery.objects.filter(pk=delivery.pk).update(
            status=Status.PENDING, attempts=0, next_at=timezone.now(), error=""
        )
        transaction.on_commit(ask_for_sending)


def forget_old() -> int:
    """Delete deliveries that are older than 30 days, sent or not; return how many."""
    old = WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).order_by("created_at")
    ids = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    return WebhookDelivery.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _check(webhook: Webhook) -> None:
    """Raise WebhookError for what a webhook cannot be; put its lists into their order."""
    webhook.name = " ".join(webhook.name.split())
    if not webhook.name:
        raise WebhookError("Name the webhook, for example after what listens there.")
    if Webhook.objects.filter(name=webhook.name).exclude(pk=webhook.pk).exists():
        raise WebhookError(f'There is a webhook "{webhook.name}" already.')
    webhook.url = webhook.url.strip()
    read_url(webhook.url)
    webhook.events = _chosen("event", webhook.events, Event.values)
    webhook.origins = _chosen("origin", webhook.origins, ORIGINS)


def _chosen(what: str, values: Sequence[str], known: Sequence[str]) -> list[str]:
    if unknown := sorted(set(values) - set(known)):
        raise WebhookError(f"{', '.join(unknown)} is no {what}; there are {', '.join(known)}.")
    if not values:
        raise WebhookError(f"Choose one {what} or more.")
    return [value for value in known if value in values]
