"""Webhooks in the admin: made, tested, given a new secret; the log of deliveries; who may."""

from ipaddress import ip_network

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks.outbox import Happening, note
from tests.factories import make_user
from tests.review_rows import make_member
from tests.webhook_receiver import make_hook, receiving

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


@pytest.fixture
def operator(client):
    client.force_login(make_member("operator"))
    return client


def url(name, *args, model="webhook"):
    return reverse(f"admin:monitoring_{model}_{name}", args=args)


def fields(receiver, **overrides):
    return {
        "name": "Team chat",
        "url": receiver.url(),
        "events": ["feedback.given", "alert.fired"],
        "origins": ["USER"],
        "is_active": "on",
        **overrides,
    }


def text_of(response):
    return " ".join(response.content.decode().split())


def secret_in(response):
    return response.content.decode().partition('<code tabindex="0">')[2].partition("<")[0]


def tell(hook):
    note("flag.raised", [hook], [Happening("1", {"flag_id": 1})])
    return WebhookDelivery.objects.latest("pk")


def test_empty_list_says_what_to_do(operator):
    page = text_of(operator.get(url("changelist")))

    assert "No webhook yet" in page
    assert url("add") in page


def test_made_webhook_shows_its_secret_once(operator, receiver):
    page = operator.post(url("add"), fields(receiver))

    hook = Webhook.objects.get()
    secret = secret_in(page)
    assert secret.startswith("whsec_")
    assert (hook.name, hook.events, hook.origins) == ("Team chat", ["feedback.given", "alert.fired"], ["USER"])
    assert hook.created_by.groups.get().name == "operator"
    assert secret not in operator.get(url("change", hook.pk)).content.decode()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "https://10.0.0.7/"}, "no public address"),
        ({"url": ""}, "This field is required"),
        ({"events": []}, "This field is required"),
        ({"origins": ["ALL"]}, "Select a valid choice"),
        ({"name": "Taken"}, "already exists"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(operator, receiver, wrong, message):
    make_hook(receiver.url(), name="Taken")

    page = operator.post(url("add"), fields(receiver, **wrong))

    assert message in page.content.decode()
    assert Webhook.objects.count() == 1


def test_test_button_shows_status_time_and_response(operator, receiver):
    hook, _ = make_hook(receiver.url("/error"))

    page = text_of(operator.post(url("test", hook.pk), follow=True))

    assert "The test failed." in page
    assert "Status 500 after " in page
    assert "&lt;p&gt;said the receiver" in page
    operator.post(url("change", hook.pk), fields(receiver))
    assert "The test was taken." in text_of(operator.post(url("test", hook.pk), follow=True))
    assert receiver.types == ["webhook.test", "webhook.test"]


def test_new_secret_is_shown_once_and_stands_in_the_history(operator, receiver):
    hook, old = make_hook(receiver.url())

    page = operator.post(url("secret", hook.pk))

    secret = secret_in(page)
    assert secret.startswith("whsec_") and secret != old
    assert "no-store" in page["Cache-Control"]
    assert "For 24 hours" in page.content.decode()
    assert LogEntry.objects.get().change_message == "Made a new secret."
    operator.post(url("test", hook.pk))
    assert receiver.got[0].verified(secret) and receiver.got[0].verified(old)


def test_webhook_that_switched_itself_off_says_why_and_is_switched_on(operator, receiver):
    hook, _ = make_hook(receiver.url())
    Webhook.objects.update(is_active=False, paused_at=timezone.now(), paused_reason="It took nothing for 3 days.")
    assert "switched itself off" in text_of(operator.get(url("changelist")))
    assert "It took nothing for 3 days." in text_of(operator.get(url("change", hook.pk)))

    operator.post(url("on", hook.pk))

    hook.refresh_from_db()
    assert (hook.is_active, hook.paused_at) == (True, None)


def test_list_has_the_health_of_each(operator, receiver, django_assert_max_num_queries):
    for _ in range(3):
        tell(make_hook(receiver.url())[0])

    with django_assert_max_num_queries(12):
        page = text_of(operator.get(url("changelist")))

    assert "feedback.given, feedback.withdrawn, flag.raised and 8 more" in page
    assert page.count("never") == 3


def test_delivery_shows_what_was_sent_and_is_sent_again(operator, receiver):
    delivery = tell(make_hook(receiver.url())[0])
    WebhookDelivery.objects.update(status="FAILED", next_at=None, attempts=8, error="It answered 500.")
    page = text_of(operator.get(url("change", delivery.pk, model="webhookdelivery")))
    assert "&quot;flag_id&quot;: 1" in page
    assert "It answered 500." in page

    operator.post(url("again", delivery.pk, model="webhookdelivery"))

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("PENDING", 0)


def test_log_is_filtered_and_many_are_sent_again(operator, receiver):
    hook, _ = make_hook(receiver.url())
    delivery = tell(hook)
    WebhookDelivery.objects.update(status="FAILED", next_at=None)
    log = url("changelist", model="webhookdelivery")

    assert "flag.raised" in text_of(operator.get(f"{log}?status__exact=FAILED&event=flag.raised"))
    assert delivery.get_absolute_url() not in text_of(operator.get(f"{log}?event=alert.fired"))
    operator.post(log, {"action": "send_chosen_again", "_selected_action": [delivery.pk]})

    delivery.refresh_from_db()
    assert delivery.status == "PENDING"


def test_webhook_is_deleted_with_its_log(operator, receiver):
    hook, _ = make_hook(receiver.url())
    tell(hook)

    operator.post(url("delete", hook.pk), {"post": "yes"})

    assert not Webhook.objects.exists() and not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("who", ["anonymous", "user", "reviewer"])
def test_others_see_and_do_nothing(client, receiver, who):
    hook, _ = make_hook(receiver.url())
    delivery = tell(hook)
    if who != "anonymous":
        client.force_login(make_member("reviewer") if who == "reviewer" else make_user())

    pages = [url("changelist"), url("add"), url("change", hook.pk), url("changelist", model="webhookdelivery")]
    pages.append(url("change", delivery.pk, model="webhookdelivery"))
    buttons = [
        *(url(name, hook.pk) for name in ("test", "secret", "on")),
        url("again", delivery.pk, model="webhookdelivery"),
    ]
    statuses = [client.get(page).status_code for page in pages] + [client.post(one).status_code for one in buttons]

    assert set(statuses) <= {302, 403}
    assert receiver.got == []
    assert Webhook.objects.get().previous_secret == ""
