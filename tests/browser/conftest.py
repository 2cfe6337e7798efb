"""What the browser's tests share: the site, Chromium by Playwright, and pages that complain. Skipped, saying why, where
there is no Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.site import PASSWORD, Site, running_site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Chromium says so of each answer of that kind, which a form that was refused gets.
REFUSED = "the server responded with a status of 422"
# What htmx says of a request that was on its way when the page was left. One that failed it calls htmx:sendError.
LEFT = ("htmx:sendAbort", "htmx:afterRequest")
# Set to see which tests do not wait for what they need, and would fail on a busy machine.
SLOW = os.environ.get("RAGSITE_TEST_SLOW_BROWSER") == "1"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="needs Chromium (Debian: apt-get install chromium)"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests of a process; each test signs up people of its own."""
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def slow_down(page) -> None:
    """Make each request of the page late, its scripts' too. What that shows a slow processor shows as well, but the way
    in which Chromium makes itself slow takes that processor from the site."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    conditions = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", conditions)


@pytest.fixture
def new_context(browser, site):
    """Return a function that makes a browser context, with cookies of its own. At the end the test fails if any page
    complained: script errors, refused content, failed requests."""
    contexts, complaints = [], []

    def listen(page) -> None:
        page.set_default_timeout(10_000)
        if SLOW:
            slow_down(page)
        page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
        page.on("console", lambda line: complaints.append(line.text) if is_complaint(line) else None)

    def is_complaint(line) -> bool:
        return line.type == "error" and REFUSED not in line.text and line.text not in LEFT

    def new_context(**options):
        context = browser.new_context(**options)
        context.on("page", listen)
        contexts.append(context)
        return context

    yield new_context
    for context in contexts:
        context.close()
    site.llm.reset()
    assert complaints == []


@pytest.fixture
def open_page(new_context, site):
    """Return a function that opens a page in a context of its own."""

    def open_page(path: str = "/", **options):
        page = new_context(**options).new_page()
        page.goto(site.url + path)
        return page

    return open_page


@pytest.fixture
def sign_up(new_context, site):
    """Return a function that opens the chat as a new user. The form is sent without being shown, which is quicker; a
    test of its own fills it in."""

    def sign_up(name: str, **options):
        context = new_context(**options)
        address = f"{site.url}/accounts/signup/"
        context.request.get(address)
        (token,) = (cookie["value"] for cookie in context.cookies() if cookie["name"] == "csrftoken")
        form = {"username": name, "password1": PASSWORD, "password2": PASSWORD, "csrfmiddlewaretoken": token}
        status = context.request.post(address, form=form, max_redirects=0).status
        assert status == 302, f"no account {name!r}: each test names people of its own"
        page = context.new_page()
        page.goto(site.url)
        return page

    return sign_up


@pytest.fixture
def sign_in(open_page):
    """Return a function that opens a page as somebody who has an account, such as "root"."""

    def sign_in(name: str, path: str = "/", password: str = PASSWORD, **options):
        page = open_page(f"/accounts/login/?next={path}", **options)
        page.locator("input[name=login]").fill(name)
        page.locator("input[name=password]").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    return sign_in
