"""The single sign-on button in a real browser: what a Content-Security-Policy forbids, no other test can see."""

import pytest

from tests.browser.site import web_process
from tests.fake_identity import CLIENT_ID, CLIENT_SECRET, FakeIdentity


@pytest.fixture(scope="module")
def identity():
    with FakeIdentity() as identity:
        yield identity


@pytest.fixture(scope="module")
def company_url(site, identity):
    """The address of a process that has single sign-on."""
    environment = site.environment | {
        "OIDC_SERVER_URL": identity.url,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_NAME": "Company",
    }
    with web_process(environment) as (url, _):
        yield url


@pytest.fixture
def sign_in_page(browser, company_url):
    page = browser.new_page()
    page.set_default_timeout(10_000)
    page.goto(f"{company_url}/accounts/login/")
    yield page
    page.close()


def test_the_button_leads_to_the_provider_and_back_to_the_chat(sign_in_page):
    sign_in_page.get_by_role("button", name="Continue with Company").click()

    sign_in_page.wait_for_selector("textarea[name=question]")


def test_a_provider_that_is_down_leaves_a_way_back(sign_in_page, identity):
    identity.stop()  # for good: the last test of this file
    sign_in_page.get_by_role("button", name="Continue with Company").click()
    sign_in_page.get_by_text("cannot be reached").wait_for()

    sign_in_page.get_by_role("link", name="Back to sign-in").click()

    sign_in_page.wait_for_selector("input[name=password]")
