"""Webhooks: what a receiver gets, when it is tried again, and which addresses are called."""

import threading
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from django.db import OperationalError, connection, transaction
from django.test import override_settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from chat.services.feedback import give_feedback
from monitoring.exceptions import WebhookError
from monitoring.models import Webhook, WebhookDelivery
from monitoring.tasks import sweep_webhooks
from monitoring.webhooks import background, calling
from monitoring.webhooks.addresses import check, read_url
from monitoring.webhooks.managing import (
    change_webhook,
    delete_webhook,
    forget_old,
    rotate_secret,
    send_again,
    send_test,
)
from monitoring.webhooks.outbox import TASK, Happening, listeners, note
from monitoring.webhooks.sending import send_due
from ragsite.prepare import EVERY_MINUTE
from tests.factories import make_turn
from tests.webhook_receiver import make_certificate, make_hook, receiving

pytestmark = pytest.mark.django_db
Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


def tell(*keys, webhook=None):
    note("flag.raised", [webhook] if webhook else list(Webhook.objects.all()), [Happening(key, {}) for key in keys])


def make_due():
    """Let the time of each next attempt come."""
    WebhookDelivery.objects.filter(status=Status.PENDING).update(next_at=timezone.now())
    Webhook.objects.update(held_until=None)


def minutes_until(delivery):
    return (delivery.next_at - delivery.attempted_at) / timedelta(minutes=1)


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


def test_happening_that_is_told_twice_is_sent_once(receiver):
    make_hook(receiver.url())
    tell("1")
    tell("1", "2")

    assert send_due() == 2
    assert send_due() == 0
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 2


def test_events_of_one_webhook_come_in_their_order(receiver):
    make_hook(receiver.url())
    tell(*"abcde")
    send_due()

    ids = list(WebhookDelivery.objects.order_by("pk").values_list("event_id", flat=True))
    assert [got.headers["webhook-id"] for got in receiver.got] == ids


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


def test_webhook_that_another_process_sends_to_is_left_to_it(receiver):
    make_hook(receiver.url())
    tell("1")
    Webhook.objects.update(held_until=timezone.now() + timedelta(seconds=30))

    assert send_due() == 0

    Webhook.objects.update(held_until=timezone.now() - timedelta(seconds=1))  # that process died
    assert send_due() == 1


def test_failed_delivery_is_sent_again_under_its_id(receiver, django_capture_on_commit_callbacks):
    hook, _ = make_hook(receiver.url("/error"))
    tell("1")
    send_due()
    WebhookDelivery.objects.update(status=Status.FAILED, next_at=None, attempts=8)
    change_webhook(webhook=hook, url=receiver.url())
    Webhook.objects.update(held_until=None)

    with django_capture_on_commit_callbacks(execute=True):
        send_again(delivery=WebhookDelivery.objects.get())
    send_due()

    assert OrmQ.objects.get().task["func"] == TASK
    assert WebhookDelivery.objects.get().status == Status.DELIVERED
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def test_test_is_sent_at_once_and_never_again(receiver, staff):
    hook, secret = make_hook(receiver.url(), is_active=False)

    delivery = send_test(webhook=hook, by=staff)

    assert receiver.got[0].verified(secret)["type"] == "webhook.test"
    assert (delivery.status, delivery.response_status) == (Status.DELIVERED, 200)
    hook = change_webhook(webhook=hook, url=receiver.url("/error"))
    failed = send_test(webhook=hook, by=staff)
    hook.refresh_from_db()
    assert (failed.status, failed.next_at, hook.failing_since) == (Status.FAILED, None, None)
    with pytest.raises(WebhookError, match="not sent again"):
        send_again(delivery=failed)


def test_deliveries_are_kept_for_thirty_days(receiver):
    make_hook(receiver.url())
    tell("old", "new")
    old = WebhookDelivery.objects.order_by("pk").first()
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))

    assert forget_old() == 1
    assert WebhookDelivery.objects.get().pk != old.pk


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", "is no address"),
        ("https:///path", "is no address"),
        ("example.com/hooks", "is no address"),
        ("https://user:word@example.com/", "no user name"),
        ("https://example.com/#part", "nothing after a #"),
        ("https://example.com/a b", "no blanks"),
        ("https://example.com:99999/", "no valid port"),
        ("http://93.184.215.14/", "by https only"),
        ("https://10.0.0.7/", "no public address"),
        ("https://169.254.169.254/latest/", "no public address"),
        ("https://[::1]/", "no public address"),
        ("https://[::ffff:10.0.0.7]/", "no public address"),
        ("https://[64:ff9b::a00:7]/", "no public address"),
        ("https://[2002:a00:7::]/", "no public address"),
        ("https://0.0.0.0/", "no public address"),
        ("https://224.0.0.1/", "no public address"),
    ],
)
def test_address_that_may_not_be_called_is_refused(url, message):
    with pytest.raises(WebhookError, match=message):
        make_hook(url)
    assert not Webhook.objects.exists()


def test_plain_http_needs_a_network_of_ones_own():
    with override_settings(WEBHOOK_NETWORKS=()), pytest.raises(WebhookError, match="Only https"):
        read_url("http://example.com/")


def test_public_address_by_https_may_be_called():
    target = read_url("https://93.184.215.14/hooks?team=1")

    assert (target.port, target.path, target.authority) == (443, "/hooks?team=1", "93.184.215.14")


def test_name_that_leads_into_the_network_is_refused_when_it_is_called(receiver, settings):
    make_hook(receiver.url().replace("127.0.0.1", "localhost"))
    settings.WEBHOOK_NETWORKS = (ip_network("10.0.0.0/8"),)
    tell("1")
    send_due()

    assert receiver.got == []
    assert "localhost is at " in WebhookDelivery.objects.get().error


def test_check_looks_at_the_address_behind_one_of_ipv6(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("10.0.0.0/8"),)
    check(read_url("https://example.com/"), ip_address("::ffff:10.0.0.7"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "Name the webhook"),
        ({"events": []}, "Choose one event"),
        ({"events": ["turn.finished"]}, "turn.finished is no event"),
        ({"origins": []}, "Choose one origin"),
        ({"origins": ["ALL"]}, "ALL is no origin"),
    ],
)
def test_webhook_that_cannot_be_is_refused(receiver, fields, message):
    with pytest.raises(WebhookError, match=message):
        make_hook(receiver.url(), **fields)


def test_name_is_taken_once(receiver):
    make_hook(receiver.url(), name="Team")

    with pytest.raises(WebhookError, match='"Team" already'):
        make_hook(receiver.url(), name=" Team ")


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_each_event_once(receiver):
    for _ in range(3):
        make_hook(receiver.url("/slow"))
    tell(*"abc")

    def work():
        try:
            send_due()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for _ in range(3):  # each webhook is being sent to, by one of the two
        assert receiver.arrived.acquire(timeout=20)
    receiver.release.set()
    for worker in workers:
        worker.join(30)

    sent = [got.headers["webhook-id"] for got in receiver.got]
    assert len(sent) == 9
    assert all(sent.count(one) == 3 for one in set(sent))  # once for each webhook
    assert not WebhookDelivery.objects.exclude(status=Status.DELIVERED, attempts=1).exists()


@pytest.mark.django_db(transaction=True)
def test_webhook_is_not_deleted_while_something_is_written_for_it(receiver):
    hook, _ = make_hook(receiver.url())
    refused = []

    def delete():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 100")
            delete_webhook(webhook=hook)
        except OperationalError as error:
            refused.append(str(error))
        finally:
            connection.close()

    with transaction.atomic():
        note("flag.raised", listeners("flag.raised"), [Happening("1", {})])
        thread = threading.Thread(target=delete)
        thread.start()
        thread.join(30)

    assert "lock timeout" in refused[0]
    assert hook.deliveries.count() == 1
    delete_webhook(webhook=hook)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_vote_reaches_the_receiver_by_the_worker(receiver, alice):
    _, secret = make_hook(receiver.url(), events=["feedback.given"])
    turn = make_turn()

    give_feedback(turn=turn, user=alice, value=-1)
    tasks = [row.task["func"] for row in OrmQ.objects.all()]
    assert sweep_webhooks() == "0 alerts told, 0 deliveries forgotten"
    background.send_in_background().join(30)

    assert TASK in tasks
    assert import_string(TASK) and import_string(EVERY_MINUTE["webhooks"]) is sweep_webhooks
    [got] = receiver.got
    assert got.verified(secret)["data"]["turn_id"] == turn.pk
