"""A token of the API from its first to its last day: made, copied, used, seen to be used, revoked."""

import re

from playwright.sync_api import APIResponse, BrowserContext, expect

NAME = "Night report"


def ask_who(site, stranger: BrowserContext, secret: str) -> APIResponse:
    """Ask from where nobody is signed in."""
    return stranger.request.get(f"{site.url}/api/v1/me/", headers={"Authorization": f"Bearer {secret}"})


def test_token_is_made_copied_used_and_revoked(site, sign_up, new_context):
    page = sign_up("tokay", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="API tokens").click()
    page.wait_for_url("**/tokens/")
    expect(page.get_by_role("heading", name="You have no token in use")).to_be_visible()
    page.get_by_label("Name").fill(NAME)
    page.get_by_role("button", name="Make the token").click()

    # Shown once.
    made = page.get_by_role("status").filter(has_text="Copy its secret now")
    expect(made).to_contain_text(NAME)
    secret = made.locator("code").inner_text()
    made.get_by_role("button", name="Copy").click()
    expect(made.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.goto(f"{site.url}/tokens/")
    token = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=NAME))
    expect(token).to_contain_text("Never used")
    expect(page.get_by_text(secret)).to_have_count(0)

    # Used.
    stranger = new_context()
    response = ask_who(site, stranger, secret)
    assert (response.status, response.json()["username"]) == (200, "tokay")
    page.reload()
    expect(token).to_contain_text(re.compile(r"Last used \d"))

    # Revoked.
    token.get_by_role("link", name=f"Revoke {NAME}").click()
    page.wait_for_url("**/revoke/")
    page.get_by_role("button", name="Revoke").click()
    page.wait_for_url("**/tokens/")
    expect(page.get_by_role("status").filter(has_text="is revoked")).to_be_visible()
    expect(page.get_by_role("region", name="Revoked or expired")).to_contain_text(NAME)
    response = ask_who(site, stranger, secret)
    assert (response.status, response.json()["code"]) == (401, "token_invalid")


def test_what_is_missing_is_said_beside_the_field(sign_up):
    page = sign_up("ted")
    page.get_by_role("link", name="API tokens").click()
    page.wait_for_url("**/tokens/")
    page.get_by_label("Name").fill("Nothing")
    for box in page.get_by_role("group", name="What it may do").get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_role("button", name="Make the token").click()

    expect(page.get_by_role("alert")).to_contain_text("Choose at least one thing")
    expect(page.get_by_label("Name")).to_have_value("Nothing")
