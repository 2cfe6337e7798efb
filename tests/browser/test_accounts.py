"""Signing in and out, and another password."""

import re

from playwright.sync_api import expect

from tests.browser.site import PASSWORD
from tests.browser.steps import ask, finished


def test_sign_up_says_what_is_wrong_and_then_signs_in(site, open_page):
    page = open_page("/accounts/login/")
    page.get_by_role("link", name="Create an account").click()
    page.locator("input[name=username]").fill("abe")
    for field in "password1", "password2":
        page.locator(f"input[name={field}]").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator(".field", has=page.locator("[name=password1]"))).to_contain_text("too short")
    for field in "password1", "password2":
        page.locator(f"input[name={field}]").fill(PASSWORD)

    page.get_by_role("button", name="Create account").click()

    expect(page.locator("textarea#question")).to_be_focused()
    expect(page.locator(".foot-name")).to_have_text("abe")


def test_sign_out_and_in_again_finds_the_conversations(site, sign_up):
    page = sign_up("xena")
    ask(page)
    finished(page)
    address = page.url

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site.url}/accounts/login/")
    page.goto(address)
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.locator("input[name=login]").fill("xena")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(address)
    expect(page.locator("article.turn")).to_have_count(1)


def test_changed_password_is_the_one_that_signs_in(site, sign_up, sign_in):
    page = sign_up("yuri")
    page.get_by_role("link", name="your account").click()
    page.locator("input[name=oldpassword]").fill(PASSWORD)
    for field in "password1", "password2":
        page.locator(f"input[name={field}]").fill("another-long-password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status").filter(has_text="Password")).to_be_visible()

    sign_in("yuri", password="another-long-password")

    assert page.request.get(f"{site.url}/accounts/password/change/").ok, "this session goes on"
