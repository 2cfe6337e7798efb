"""What staff does: look into search, upload, read a transcript."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.site import worker_process
from tests.browser.steps import ANSWER, QUESTION, ask, finished

STATUS = "SELECT status, title FROM chat_document WHERE source_id = 'valve.md'"
VALVE = b"# Valve guide\n\n## Closing the valve\n\nTurn the yellow wheel to the right to close the valve.\n"


def test_search_lab_shows_three_modes_side_by_side(sign_in):
    page = sign_in("root")
    page.get_by_role("link", name="Search lab").click()
    page.get_by_label("Question").fill(QUESTION)
    page.get_by_role("button", name="Search").click()

    for mode in "text", "vector", "hybrid":
        expect(page.locator(f"#lab-{mode} li").first).to_contain_text("Pump manual")


@pytest.mark.slow
def test_uploaded_file_is_taken_in_by_the_worker_and_answers(site, sign_in):
    page = sign_in("root", "/admin/chat/document/add/")
    page.locator("input[type=file]").set_input_files({"name": "valve.md", "mimeType": "text/markdown", "buffer": VALVE})
    page.get_by_label("New collection").fill("valves")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#result_list")).to_contain_text("valve.md")

    with worker_process(site.environment):
        expect(page.locator("#result_list tr", has_text="Valve guide")).to_contain_text(
            re.compile("ready", re.IGNORECASE), timeout=30_000
        )

    assert site.rows(STATUS) == [("READY", "Valve guide")]
    page.goto(site.url)
    page.locator("select[name=model]").select_option("offline/extractive")
    ask(page, "How do I close the valve?")
    expect(finished(page).locator(".answer-body")).to_contain_text("yellow wheel")


def test_transcript_can_be_read_in_the_admin(site, sign_up, sign_in):
    page = sign_up("amy")
    site.llm.enqueue(ANSWER)
    ask(page)
    finished(page)

    admin = sign_in("root", "/admin/chat/conversation/")
    admin.locator("#searchbar").fill("amy")
    admin.keyboard.press("Enter")
    admin.locator("#result_list").get_by_role("link", name=QUESTION).click()

    expect(admin.locator("#content, main").first).to_contain_text(QUESTION)
    expect(admin.locator("#content, main").first).to_contain_text("green button")
