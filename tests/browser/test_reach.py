"""The chat for everybody: by keyboard alone, heard, on a phone, without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import ANSWER, QUESTION, ask, finished
from tests.fake_replies import Reply


def test_keyboard_only(site, sign_up):
    page = sign_up("jan")
    site.llm.enqueue(Reply("word " * 300, token_delay_seconds=0.1), ANSWER)
    box = page.locator("textarea#question")
    box.focus()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("In a few words.")
    expect(box).to_have_value(f"{QUESTION}\nIn a few words.")
    page.keyboard.press("Enter")
    expect(page.locator(".answer-body")).to_contain_text("word word")
    page.keyboard.press("Escape")
    expect(finished(page)).to_have_attribute("data-status", "STOPPED")

    up = page.locator("[id^=vote-up]")
    up.focus()
    page.keyboard.press("Enter")
    expect(up).to_have_attribute("aria-pressed", "true")


def test_screen_reader_hears_answering_and_done_not_tokens(site, sign_up):
    page = sign_up("kim")
    site.llm.enqueue(Reply("one two three four", token_delay_seconds=0.3))
    status = page.locator("#announcer")

    ask(page)

    expect(status).to_have_text(re.compile("answering", re.IGNORECASE))
    finished(page)
    expect(status).to_have_text(re.compile("done|complete|ready", re.IGNORECASE))
    assert page.locator("article.turn [aria-live=polite], article.turn[aria-live]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width_needs_no_sideways_scrolling(site, sign_up, scheme):
    page = sign_up(f"lou-{scheme}", viewport={"width": 360, "height": 740}, color_scheme=scheme)
    site.llm.enqueue(ANSWER + "\n| a | b |\n|---|---|\n| " + "x" * 80 + " | y |\n")

    ask(page)
    finished(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.locator("#send")).to_be_in_viewport()


def test_without_javascript_one_can_ask_and_vote(site, sign_up, open_page):
    page = open_page("/accounts/signup/", java_script_enabled=False)
    page.locator("input[name=username]").fill("mo")
    page.locator("input[name=password1]").fill("correct-horse-battery")
    page.locator("input[name=password2]").fill("correct-horse-battery")
    page.locator("form:has(input[name=password2]) [type=submit]").click()
    site.llm.enqueue(ANSWER)

    ask(page)
    turn = finished(page)
    expect(turn.locator(".answer-body")).to_contain_text("green button")
    turn.locator("[id^=vote-up]").click()

    expect(page.locator("[id^=vote-up]")).to_have_attribute("aria-pressed", "true")


def test_first_tab_offers_to_skip_the_list(sign_up):
    page = sign_up("ned")
    page.goto(page.url + "conversations/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


# What shows that it has the focus: itself, the mark that is laid over its card, or the box around it.
FOCUS_IS_SHOWN = """() => {
    const one = document.activeElement;
    if (one === document.body) return "";
    const box = one.closest(".composer-box");
    const shown = [getComputedStyle(one), getComputedStyle(one, "::after")].some((style) =>
        style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
    const around = box && one.matches("textarea") && getComputedStyle(box).boxShadow.includes("3px");
    return (shown || around ? "shown: " : "hidden: ") + one.tagName + "#" + one.id + "." + one.className;
}"""


def test_every_stop_of_the_tab_key_shows_the_focus(site, sign_up):
    page = sign_up("olga-tab", reduced_motion="reduce")
    site.llm.enqueue(ANSWER)
    ask(page)
    finished(page)
    page.reload()

    stops: list[str] = []
    page.keyboard.press("Tab")
    while (stop := page.evaluate(FOCUS_IS_SHOWN)) and len(stops) < 60:  # behind the last stands the browser's own frame
        stops.append(stop)
        page.keyboard.press("Tab")

    reached = " ".join(stops)
    assert [stop for stop in stops if stop.startswith("hidden")] == []
    for part in "skip", "conversation-search", "citation", "vote-up", "copy-answer", "source-title", "question", "send":
        assert part in reached


def test_escape_closes_a_menu_before_it_stops_an_answer(site, sign_up):
    page = sign_up("pam")
    site.llm.enqueue(Reply("word " * 300, token_delay_seconds=0.1))
    ask(page)
    expect(page.locator(".answer-body")).to_contain_text("word word")
    menu = page.locator("details.topbar-options")
    menu.locator("summary").click()

    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", re.compile(".*"))
    expect(menu.locator("summary")).to_be_focused()
    assert page.locator("article.turn.running").count() == 1
    page.keyboard.press("Escape")

    expect(finished(page)).to_have_attribute("data-status", "STOPPED")


def test_nothing_moves_for_who_asks_for_less_motion(site, sign_up):
    page = sign_up("ron", reduced_motion="reduce")
    site.llm.enqueue(Reply("one two three four", token_delay_seconds=0.3))

    ask(page)

    expect(page.locator(".pulse")).to_have_css("animation-name", "none")
    finished(page)
