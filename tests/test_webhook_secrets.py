"""Signatures of webhooks: of which secret, how long, and what becomes of one when the site's key changes."""

from ipaddress import ip_network

import pytest
from django.utils import timezone

from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks.managing import change_webhook, rotate_secret
from monitoring.webhooks.sending import send_due
from tests.webhook_receiver import make_due, make_hook, receiving, tell

pytestmark = pytest.mark.django_db
Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


def test_request_is_signed_as_the_specification_says(receiver):
    hook, secret = make_hook(receiver.url())
    tell("1")

    assert send_due() == 1

    [got] = receiver.got
    delivery = WebhookDelivery.objects.get()
    assert got.verified(secret)["type"] == "flag.raised"
    assert got.headers["webhook-id"] == delivery.event_id
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiver.server_port}"
    assert (delivery.status, delivery.attempts, delivery.response_status) == (Status.DELIVERED, 1, 200)
    assert delivery.seconds > 0
    hook.refresh_from_db()
    assert hook.delivered_at == delivery.attempted_at


def test_other_secret_does_not_verify(receiver):
    make_hook(receiver.url())
    _, other = make_hook(receiver.url(), is_active=False)
    tell("1", webhook=Webhook.objects.get(is_active=True))
    send_due()

    with pytest.raises(Exception, match="signature"):
        receiver.got[0].verified(other)


def test_secret_is_not_stored_as_it_is(receiver):
    hook, secret = make_hook(receiver.url())

    assert secret.startswith("whsec_")
    assert secret[6:] not in str(Webhook.objects.filter(pk=hook.pk).values().get())


def test_after_rotation_both_secrets_sign_for_a_day(receiver):
    hook, old = make_hook(receiver.url())
    new = rotate_secret(webhook=hook)
    tell("1")
    send_due()
    Webhook.objects.update(previous_until=timezone.now())
    tell("2")
    send_due()

    first, second = receiver.got
    assert first.verified(old) and first.verified(new)
    assert second.verified(new)
    with pytest.raises(Exception, match="signature"):
        second.verified(old)


def test_changed_site_key_switches_off_and_a_new_secret_mends_it(receiver, settings):
    hook, _ = make_hook(receiver.url())
    settings.SECRET_KEY = "another key of the site, by mistake"
    tell("1")

    send_due()

    hook.refresh_from_db()
    assert not hook.is_active
    assert "Make a new secret" in hook.paused_reason
    assert receiver.got == []
    secret = rotate_secret(webhook=hook)
    change_webhook(webhook=hook, is_active=True)
    make_due()
    send_due()
    assert receiver.got[0].verified(secret)


def test_former_site_key_still_reads_secrets(receiver, settings):
    _, secret = make_hook(receiver.url())
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next key of the site"
    tell("1")
    send_due()

    assert receiver.got[0].verified(secret)
