"""Which addresses a webhook may have, and which are called."""

from ipaddress import ip_address, ip_network

import pytest
from django.test import override_settings

from monitoring.exceptions import WebhookError
from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks.addresses import check, read_url
from monitoring.webhooks.sending import send_due
from tests.webhook_receiver import make_hook, receiving, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_network(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


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
        ("https://[fec0::1]/", "no public address"),  # site-local
        ("https://[fd00:ec2::254]/", "no public address"),
        ("https://[64:ff9b:1::a00:1]/", "no public address"),  # NAT64 of one's own network
        ("https://[::10.0.0.1]/", "no public address"),
        ("https://[::93.184.215.14]/", "no public address"),
        ("https://[::ffff:0:10.0.0.1]/", "no public address"),
        ("https://[2001:0:a00:1::]/", "no public address"),  # Teredo: server and client
        ("https://[2001:0:4136:e378:0:0:a247:28f1]/", "no public address"),
        ("https://[2606:4700::5efe:10.0.0.1]/", "no public address"),  # ISATAP
        ("https://[2606:4700::200:5efe:10.0.0.1]/", "no public address"),
        ("https://[fe80::5efe:93.184.215.14]/", "no public address"),
        ("https://[ff0e::1]/", "no public address"),
        ("https://[4000::1]/", "no public address"),
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


@pytest.mark.parametrize("number", ["2606:4700::6810:84e5", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"])
def test_public_address_of_ipv6_may_be_called(number):
    assert read_url(f"https://[{number}]/").host == number


def test_address_of_ipv6_that_is_named_may_be_called(settings):
    settings.WEBHOOK_NETWORKS = (ip_network("fec0::/10"), ip_network("64:ff9b:1::/48"))

    for number in ("fec0::1", "64:ff9b:1::a00:1"):
        check(read_url("https://example.com/"), ip_address(number))


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
