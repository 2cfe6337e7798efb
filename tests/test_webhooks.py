"""Webhooks: what is sent when, by whom, and for how long it is kept."""

import threading
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from chat.services.feedback import give_feedback
from monitoring.exceptions import WebhookError
from monitoring.models import Webhook, WebhookDelivery
from monitoring.tasks import sweep_webhooks
from monitoring.webhooks import background
from monitoring.webhooks.managing import change_webhook, delete_webhook, forget_old, send_again, send_test
from monitoring.webhooks.outbox import TASK, Happening, listeners, note
from monitoring.webhooks.sending import send_due
from ragsite.prepare import EVERY_MINUTE
from tests.factories import make_turn
from tests.webhook_receiver import make_hook, receiving, tell

pytestmark = pytest.mark.django_db
Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


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
