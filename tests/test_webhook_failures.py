"""Receivers of webhooks that fail: what is said of it, when they are tried again, and when no more."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks import calling
from monitoring.webhooks.managing import change_webhook
from monitoring.webhooks.sending import send_due
from tests.webhook_receiver import make_certificate, make_due, make_hook, receiving, tell

pytestmark = pytest.mark.django_db
Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


def minutes_until(delivery):
    return (delivery.next_at - delivery.attempted_at) / timedelta(minutes=1)


def test_failure_is_tried_again_later_and_later_and_then_given_up(receiver):
    make_hook(receiver.url("/error"))
    tell("1")
    waited = []
    for _ in range(7):
        send_due()
        waited.append(minutes_until(WebhookDelivery.objects.get()))
        assert send_due() == 0  # not before its time
        make_due()
    send_due()

    delivery = WebhookDelivery.objects.get()
    for minutes, planned in zip(waited, (1, 5, 30, 120, 300, 600, 1440), strict=True):
        assert planned * 0.8 <= minutes <= planned * 1.2
    assert (delivery.status, delivery.attempts, delivery.next_at) == (Status.FAILED, 8, None)
    assert len(receiver.got) == 8
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert delivery.error == "It answered 500; 200 to 299 says that it was taken."
    assert delivery.response_text.startswith("<p>said the receiver </p>")
    assert len(delivery.response_text) == 1000


def test_receiver_says_how_long_to_wait(receiver):
    make_hook(receiver.url("/busy"))
    tell("1")
    send_due()

    assert minutes_until(WebhookDelivery.objects.get()) == pytest.approx(120, abs=0.01)


def test_redirect_is_not_followed(receiver):
    make_hook(receiver.url("/moved"))
    tell("1")
    send_due()

    assert [got.path for got in receiver.got] == ["/moved"]
    assert "a redirect, which is not followed" in WebhookDelivery.objects.get().error


def test_silent_receiver_is_left_after_the_time_limit(receiver, monkeypatch):
    monkeypatch.setattr(calling, "TIME_LIMIT_SECONDS", 0.2)
    make_hook(receiver.url("/slow"))
    tell("1")
    send_due()

    delivery = WebhookDelivery.objects.get()
    assert delivery.error == "No response within 0.2 s."
    assert delivery.response_status is None


def test_slow_receiver_holds_up_no_other(receiver, monkeypatch):
    monkeypatch.setattr(calling, "TIME_LIMIT_SECONDS", 0.5)
    slow, _ = make_hook(receiver.url("/slow"))
    quick, _ = make_hook(receiver.url())
    tell(*"abc")

    assert send_due() == 3

    assert quick.deliveries.filter(status=Status.DELIVERED).count() == 3
    # the receiver that failed has a rest before the next of its own
    assert sorted(slow.deliveries.values_list("attempts", flat=True)) == [0, 0, 1]


@pytest.mark.parametrize(
    ("name", "said"), [("localhost", ""), ("other.example", "certificate is not valid for 'localhost'")]
)
def test_certificate_has_to_be_that_of_the_name(settings, monkeypatch, tmp_path, name, said):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    certificate = make_certificate(tmp_path / "certificate.pem", name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    calling._trusted.cache_clear()
    with receiving(certificate) as receiver:
        make_hook(f"https://localhost:{receiver.server_port}/ok")
        tell("1")
        send_due()
    calling._trusted.cache_clear()

    assert said in WebhookDelivery.objects.get().error
    assert len(receiver.got) == (0 if said else 1)


def test_closed_port_is_a_failure_that_is_said(receiver):
    url = receiver.url()
    receiver.server_close()
    make_hook(url)
    tell("1")
    send_due()

    assert WebhookDelivery.objects.get().error.startswith("The connection failed: ")


def test_receiver_that_is_gone_is_switched_off(receiver):
    hook, _ = make_hook(receiver.url("/gone"))
    tell("1")
    send_due()

    hook.refresh_from_db()
    assert (hook.is_active, hook.paused_reason[:25]) == (False, "Its receiver answered 410")


def test_days_of_failures_switch_off_and_what_waits_is_sent_when_it_is_on_again(receiver):
    hook, _ = make_hook(receiver.url("/error"))
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3))
    tell("1", "2")
    send_due()

    hook.refresh_from_db()
    assert not hook.is_active
    assert hook.paused_reason.startswith("It took nothing for 3 days.")
    make_due()
    assert send_due() == 0
    change_webhook(webhook=hook, url=receiver.url(), is_active=True)
    make_due()
    assert send_due() == 2
    hook.refresh_from_db()
    assert (hook.paused_at, hook.paused_reason, hook.failing_since) == (None, "", None)


def test_one_success_ends_the_days_of_failures(receiver):
    hook, _ = make_hook(receiver.url())
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=9))
    tell("1")
    send_due()

    hook.refresh_from_db()
    assert (hook.is_active, hook.failing_since) == (True, None)
