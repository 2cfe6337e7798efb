"""Webhooks by the API: made, changed, tested, their log; who may."""

from ipaddress import ip_network

import pytest

from chat.models import KeptReply
from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks.outbox import Happening, note
from tests.api_clients import api_client
from tests.review_rows import make_member
from tests.test_api_base import assert_problem
from tests.webhook_receiver import make_hook, receiving

pytestmark = pytest.mark.django_db
WEBHOOKS = "/api/v1/webhooks/"


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


@pytest.fixture
def operator():
    return api_client(make_member("operator"))


def tell(hook, key="1"):
    note("flag.raised", [hook], [Happening(key, {"flag_id": 1})])
    return hook.deliveries.latest("pk")


def test_webhook_is_made_with_a_secret_that_is_shown_once(operator, receiver):
    wanted = {"name": "Team chat", "url": receiver.url(), "events": ["alert.fired"], "with_text": True}

    made = operator.post(WEBHOOKS, wanted, format="json")

    body = made.json()
    assert made.status_code == 201
    assert body["secret"].startswith("whsec_")
    assert (body["events"], body["origins"], body["with_text"], body["waiting"]) == (
        ["alert.fired"],
        ["USER", "API"],
        True,
        0,
    )
    [listed] = operator.get(WEBHOOKS).json()["results"]
    assert listed == {name: value for name, value in body.items() if name != "secret"}
    assert Webhook.objects.get().created_by.groups.get().name == "operator"


def test_secret_is_kept_under_no_key_and_the_reply_says_what_to_do(operator, receiver):
    wanted = {"name": "Team chat", "url": receiver.url(), "events": ["alert.fired"]}

    refused = operator.post(WEBHOOKS, wanted, format="json", headers={"Idempotency-Key": "key-1"})

    assert "make a new secret" in assert_problem(refused, 400, "invalid")["detail"]
    assert not Webhook.objects.exists()
    assert not KeptReply.objects.exists()


def test_test_and_another_delivery_are_sent_once_under_their_keys(operator, receiver):
    hook, _ = make_hook(receiver.url())
    address, headers = f"{WEBHOOKS}{hook.pk}/", {"Idempotency-Key": "key-1"}

    first, second = (operator.post(f"{address}test/", headers=headers) for _ in range(2))
    again = f"{address}deliveries/{tell(hook).pk}/again/"
    hook.deliveries.update(status="FAILED", next_at=None)

    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert len(receiver.got) == 1
    assert operator.post(again, headers={"Idempotency-Key": "key-2"}).status_code == 202
    hook.deliveries.update(status="FAILED", next_at=None)
    replayed = operator.post(again, headers={"Idempotency-Key": "key-2"})
    assert (replayed.status_code, replayed.json()["status"]) == (202, "FAILED")


@pytest.mark.parametrize(
    ("wrong", "status", "word"),
    [
        ({"events": ["turn.finished"]}, 400, "events"),
        ({"events": []}, 400, "events"),
        ({"origins": ["EVALUATION"]}, 400, "origins"),
        ({"url": "https://10.0.0.7/"}, 422, "no public address"),
        ({"url": "mailto:me"}, 422, "is no address"),
        ({"name": "Taken"}, 422, "already"),
    ],
)
def test_what_cannot_be_is_refused(operator, receiver, wrong, status, word):
    make_hook(receiver.url(), name="Taken")
    wanted = {"name": "Team chat", "url": receiver.url(), "events": ["alert.fired"], **wrong}

    response = operator.post(WEBHOOKS, wanted, format="json")

    assert (response.status_code, word in response.json()["detail"]) == (status, True)
    assert Webhook.objects.count() == 1


def test_webhook_is_changed_and_deleted(operator, receiver):
    hook, _ = make_hook(receiver.url())
    one = f"{WEBHOOKS}{hook.pk}/"

    assert operator.patch(one, {"is_active": False}, format="json").json()["is_active"] is False
    assert operator.get(one).json()["events"] == hook.events
    assert operator.delete(one).status_code == 204
    assert operator.get(one).status_code == 404


def test_test_replies_with_what_came_back(operator, receiver):
    hook, secret = make_hook(receiver.url("/error"))

    reply = operator.post(f"{WEBHOOKS}{hook.pk}/test/")

    assert reply.status_code == 201
    assert (reply.json()["status"], reply.json()["response_status"]) == ("FAILED", 500)
    assert receiver.got[0].verified(secret)["data"]["webhook_id"] == hook.pk


def test_new_secret_signs(operator, receiver):
    hook, _ = make_hook(receiver.url())

    secret = operator.post(f"{WEBHOOKS}{hook.pk}/secret/").json()["secret"]

    operator.post(f"{WEBHOOKS}{hook.pk}/test/")
    assert receiver.got[0].verified(secret)


def test_log_is_read_filtered_and_sent_again(operator, receiver):
    hook, _ = make_hook(receiver.url())
    other, _ = make_hook(receiver.url())
    failed, waiting, foreign = tell(hook), tell(hook, "2"), tell(other)
    WebhookDelivery.objects.filter(pk=failed.pk).update(status="FAILED", next_at=None)
    log = f"{WEBHOOKS}{hook.pk}/deliveries/"

    assert [row["id"] for row in operator.get(log).json()["results"]] == [waiting.pk, failed.pk]
    assert [row["id"] for row in operator.get(f"{log}?status=FAILED").json()["results"]] == [failed.pk]
    assert operator.get(f"{log}?event=alert.fired").json()["results"] == []
    assert operator.get(f"{log}?status=LOST").status_code == 400
    assert operator.post(f"{log}{failed.pk}/again/").json()["status"] == "PENDING"
    assert operator.get(f"{log}{failed.pk}/").json()["payload"]["type"] == "flag.raised"
    assert operator.get(f"{log}{foreign.pk}/").status_code == 404


def test_test_is_not_sent_again(operator, receiver):
    hook, _ = make_hook(receiver.url())
    test = operator.post(f"{WEBHOOKS}{hook.pk}/test/").json()

    assert operator.post(f"{WEBHOOKS}{hook.pk}/deliveries/{test['id']}/again/").status_code == 422


@pytest.mark.parametrize(("who", "status"), [("anonymous", 401), ("user", 403), ("reviewer", 403), ("read scope", 403)])
def test_others_see_and_do_nothing(receiver, alice, who, status):
    hook, _ = make_hook(receiver.url())
    delivery = tell(hook)
    clients = {
        "anonymous": lambda: api_client(),
        "user": lambda: api_client(alice),
        "reviewer": lambda: api_client(make_member("reviewer")),
        "read scope": lambda: api_client(make_member("operator"), ["read", "chat", "score"]),
    }
    client, one = clients[who](), f"{WEBHOOKS}{hook.pk}/"
    log = f"{one}deliveries/"

    replies = [client.get(path) for path in (WEBHOOKS, one, log, f"{log}{delivery.pk}/")]
    posts = (WEBHOOKS, f"{one}test/", f"{one}secret/", f"{log}{delivery.pk}/again/")
    replies += [client.post(path, {}, format="json") for path in posts]
    replies += [client.patch(one, {"is_active": False}, format="json"), client.delete(one)]

    assert {reply.status_code for reply in replies} == {status}
    assert receiver.got == []
    assert Webhook.objects.filter(is_active=True, previous_secret="").exists()
