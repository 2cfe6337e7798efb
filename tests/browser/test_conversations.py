"""What people do with conversations: choose, find, rename, take along, delete, and read in two windows."""

import json
import re

from playwright.sync_api import expect

from tests.browser.steps import ANSWER, QUESTION, ask, finished
from tests.fake_replies import Reply

LAST_TURN = """
SELECT turn.search_mode, collection.name, turn.model, turn.question
  FROM chat_turn turn
  JOIN chat_conversation conversation ON conversation.id = turn.conversation_id
  JOIN auth_user ON auth_user.id = conversation.user_id
  LEFT JOIN chat_collection collection ON collection.id = turn.collection_id
 WHERE auth_user.username = %s
 ORDER BY turn.id DESC
 LIMIT 1
"""


def test_rename_search_and_delete(site, sign_up):
    page = sign_up("pia")
    site.llm.enqueue(ANSWER)
    ask(page)
    finished(page)
    address = page.url

    page.locator(".topbar-options > summary").click()
    page.locator(".topbar-options input[name=title]").fill("Pumps and more")
    page.locator(".topbar-options input[name=title]").press("Enter")
    expect(page.locator("#conversation-title")).to_have_text("Pumps and more")
    page.locator("#sidebar input[name=q]").fill("green button")
    expect(page.locator("#sidebar .conversation-link")).to_have_count(1)
    page.goto(address + "delete/")
    page.get_by_role("button", name=re.compile("Delete")).click()

    expect(page.locator("textarea#question")).to_be_visible()
    assert page.request.get(address).status == 404


def test_suggested_question_is_asked_by_a_click(site, sign_up):
    page = sign_up("quinn")
    site.llm.enqueue(ANSWER)
    suggestion = page.locator(".suggestion").first
    text = suggestion.inner_text()
    assert "Pump manual" in text

    suggestion.click()

    expect(finished(page).locator(".question-text")).to_have_text(text)
    assert site.rows(LAST_TURN, "quinn")[0][3] == text


def test_pickers_decide_how_is_searched_and_who_answers(site, sign_up):
    page = sign_up("rita")
    page.locator("select[name=search_mode]").select_option("text")
    page.locator("select[name=collection]").select_option("manuals")
    site.llm.enqueue(ANSWER)

    ask(page)
    finished(page)

    assert site.rows(LAST_TURN, "rita")[0][:3] == ("text", "manuals", "fake/default")
    expect(page.locator("select[name=search_mode]")).to_have_value("text")
    page.locator("select[name=search_mode]").select_option("vector")
    page.locator("select[name=collection]").select_option("")
    with page.expect_response(lambda response: "offline" in (response.request.post_data or "")):
        page.locator("select[name=model]").select_option("offline/extractive")
    page.reload()
    ask(page, "How do I stop the pump?")
    expect(finished(page, 1).locator(".answer-body")).to_contain_text("red button")
    assert site.rows(LAST_TURN, "rita")[0][:3] == ("vector", None, "offline/extractive")
    assert len(site.llm.chat_requests) == 1


def test_export_downloads_markdown_and_json(site, sign_up):
    page = sign_up("sol")
    site.llm.enqueue(ANSWER)
    ask(page)
    finished(page)

    files = []
    for name in "Export as Markdown", "Export as JSON":
        page.locator(".topbar-options > summary").click()
        with page.expect_download() as download:
            page.locator(".topbar-options").get_by_role("link", name=name).click()
        files.append((download.value.suggested_filename, download.value.path().read_text()))
        page.keyboard.press("Escape")

    (markdown_name, markdown), (json_name, text) = files
    assert markdown_name == "how-do-i-start-the-pump.md"
    assert markdown.startswith(f"# {QUESTION}\n")
    assert "**green button** for three seconds [1]" in markdown
    assert "1. Pump manual: Starting the pump" in markdown
    assert json_name == "how-do-i-start-the-pump.json"
    (turn,) = json.loads(text)["turns"]
    assert (turn["question"], turn["answer"], turn["status"]) == (QUESTION, ANSWER, "DONE")
    assert turn["sources"][0]["cited"] is True


def test_second_window_shows_what_is_asked_in_the_first(site, sign_up):
    page = sign_up("tess")
    site.llm.enqueue("First answer [1].", "How is the pump stopped?", Reply("a b c d e f g h", token_delay_seconds=0.2))
    ask(page)
    finished(page)
    second = page.context.new_page()
    second.goto(page.url)

    ask(page, "And stop it?")

    expect(second.locator(".question-text").nth(1)).to_have_text("And stop it?")
    expect(second.locator(".answer-body").nth(1)).to_contain_text("a b c")
    assert "g h" not in second.locator(".answer-body").nth(1).inner_text()
    expect(finished(second, 1).locator(".answer-body")).to_contain_text("a b c d e f g h")
    expect(finished(page, 1).locator(".answer-body")).to_contain_text("a b c d e f g h")
    assert len(site.llm.chat_requests) == 3


def test_second_window_replaces_what_was_regenerated_in_the_first(site, sign_up):
    page = sign_up("uma")
    site.llm.enqueue("First answer [1].", "Second answer [1].")
    ask(page)
    finished(page)
    second = page.context.new_page()
    second.goto(page.url)

    page.get_by_role("button", name="Regenerate").click()

    expect(second.locator(".answer-body")).to_contain_text("Second answer")
    finished(second)
    expect(second.locator("article.turn")).to_have_count(1)
    expect(page.locator(".answer-body")).to_contain_text("Second answer")
    expect(page.locator("article.turn")).to_have_count(1)


def test_other_device_shows_it_when_one_comes_back_to_it(site, sign_up, sign_in):
    page = sign_up("vera")
    site.llm.enqueue("First answer [1].", "How is the pump stopped?", "Press the red button [1].")
    ask(page)
    finished(page)
    address = page.url.removeprefix(site.url)
    elsewhere = sign_in("vera", address)
    ask(page, "And stop it?")
    finished(page, 1)
    expect(elsewhere.locator("article.turn")).to_have_count(1)

    elsewhere.evaluate("dispatchEvent(new Event('focus'))")  # headless windows all have the focus, always

    expect(finished(elsewhere, 1).locator(".answer-body")).to_contain_text("red button")
    elsewhere.evaluate("dispatchEvent(new Event('focus'))")
    with elsewhere.expect_response(re.compile("/newer/")) as response:
        elsewhere.evaluate("dispatchEvent(new Event('focus'))")
    assert response.value.status == 204
    expect(elsewhere.locator("article.turn")).to_have_count(2)


def test_back_and_forward_after_the_first_question(site, sign_up):
    page = sign_up("walt")
    site.llm.enqueue(ANSWER)
    ask(page)
    finished(page)
    expect(page.locator(".conversation-row.is-current")).to_have_text(re.compile("start the pump"))

    page.go_back()
    expect(page.get_by_role("heading", name="What would you like to know")).to_be_visible()
    page.go_forward()

    expect(page.locator(".answer-body strong")).to_have_text("green button")
    expect(page.locator("article.turn")).to_have_count(1)
