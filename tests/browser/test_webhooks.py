"""A webhook from the admin to a real receiver: made, tested, and what was sent read in its log."""

import pytest
from playwright.sync_api import expect

from tests.webhook_receiver import receiving

WEBHOOKS = "/admin/monitoring/webhook/"


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


def make(page, name: str, address: str) -> str:
    """Fill in the form of a new webhook; return the secret that is shown then."""
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=url]").fill(address)
    page.get_by_label("feedback.given").check()
    page.get_by_role("button", name="Save", exact=True).click()
    shown = page.get_by_role("status").filter(has_text="is shown this once")
    return shown.locator("code").inner_text()


def test_webhook_is_made_tested_and_its_deliveries_are_read(sign_in, receiver):
    page = sign_in("root", f"{WEBHOOKS}add/")
    secret = make(page, "Our chat", receiver.url())

    page.get_by_role("button", name="Send a test").click()
    page.wait_for_url("**/change/?test=*")

    expect(page.get_by_role("status").filter(has_text="The test was taken.")).to_contain_text("Status 200")
    (got,) = receiver.got
    assert got.verified(secret)["type"] == "webhook.test"
    page.get_by_role("link", name="All deliveries").click()
    page.wait_for_url("**/webhookdelivery/?*")
    row = page.locator("#result_list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("delivered")
    row.get_by_role("link", name="webhook.test").click()
    expect(page.get_by_text("Payload, without texts")).to_be_visible()
    expect(page.locator("pre", has_text="webhook_id")).to_contain_text('"name": "Our chat"')


@pytest.mark.parametrize(
    ("path", "words"),
    [("/error", "It answered 500"), ("/moved", "It answered 302")],
)
def test_receiver_that_refuses_is_told_at_once(sign_in, receiver, path, words):
    page = sign_in("root", f"{WEBHOOKS}add/")
    make(page, f"Refuses {path}", receiver.url(path))

    page.get_by_role("button", name="Send a test").click()
    page.wait_for_url("**/change/?test=*")

    expect(page.get_by_role("status").filter(has_text="The test failed.")).to_contain_text(words)
    assert [got.path for got in receiver.got] == [path]


def test_address_that_may_not_be_called_is_refused_beside_its_field(sign_in):
    page = sign_in("root", f"{WEBHOOKS}add/")
    page.locator("input[name=name]").fill("Inside")
    page.locator("input[name=url]").fill("https://10.0.0.1/hook")
    page.get_by_label("feedback.given").check()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("10.0.0.1 is at 10.0.0.1, which is no public address")).to_be_visible()
    expect(page.locator("input[name=url]")).to_have_value("https://10.0.0.1/hook")
