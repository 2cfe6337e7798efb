"""A web process that dies in the middle of an answer."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import web_process
from tests.browser.steps import ask, finished
from tests.fake_replies import Reply


@pytest.mark.slow
def test_answer_of_a_killed_process_is_interrupted_and_can_be_retried(site, sign_up):
    page = sign_up("zoe")
    site.llm.enqueue(Reply("word " * 1000, token_delay_seconds=0.1), "Press the green button [1].")
    with web_process(site.environment) as (other_url, process):
        other = page.context.new_page()
        other.goto(other_url)
        ask(other)
        expect(other.locator(".answer-body")).to_contain_text("word word word")
        page.goto(other.url.replace(other_url, site.url))
        expect(page.locator(".answer-body")).to_contain_text("word word word word word")
        other.close()

        process.kill()

        turn = page.locator("article.turn")
        expect(turn).to_have_attribute("data-status", "INTERRUPTED", timeout=35_000)
    expect(turn).to_contain_text("The answer was interrupted.")
    expect(turn.locator(".answer-body")).to_contain_text("word word word word word")
    expect(page.locator("#announcer")).to_have_text("The answer was interrupted.")
    turn.get_by_role("button", name="Retry").click()
    expect(finished(page).locator(".answer-body")).to_contain_text("green button")
    expect(turn).to_have_count(1)
