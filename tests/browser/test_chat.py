"""What a person does in the chat, in a real Chromium on a real site: sign up, ask, read along, cite, vote, stop,
reload."""

import re

from playwright.sync_api import expect

from tests.browser.steps import ANSWER, QUESTION, ask, finished
from tests.fake_replies import Reply


def test_ask_cite_and_open_the_source(site, sign_up):
    page = sign_up("aida")
    site.llm.enqueue(ANSWER)

    ask(page)
    turn = finished(page)

    expect(turn.locator(".answer-body strong")).to_have_text("green button")
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}/$"))
    expect(page.locator("#conversation-title")).to_have_text(QUESTION)
    expect(page).to_have_title(re.compile(re.escape(QUESTION)))
    passage = page.locator(".cited[id^=chunk-]").first
    for source in turn.locator("a.citation").first, turn.locator(".is-cited a.source-title").first:
        source.click()
        page.wait_for_url(re.compile(r"/documents/\d+/"))
        expect(passage).to_be_in_viewport()
        expect(page.locator(".cited", has_text="green button")).to_be_in_viewport()
        page.get_by_role("link", name="Back to the answer").click()
        page.wait_for_url(re.compile(r"/c/"))


def test_answer_appears_while_it_is_being_written(site, sign_up):
    page = sign_up("bob")
    site.llm.enqueue(Reply("one two three four five six seven eight", token_delay_seconds=0.3))

    ask(page)

    turn = page.locator("article.turn").first
    expect(turn.locator(".answer-body")).to_contain_text("one two")
    assert "eight" not in turn.locator(".answer-body").inner_text()
    finished(page)
    expect(turn.locator(".answer-body")).to_contain_text("seven eight")


def test_vote_change_comment_and_undo(site, sign_up):
    page = sign_up("cleo")
    site.llm.enqueue(ANSWER)
    ask(page)
    turn = finished(page)
    up, down = turn.locator("[id^=vote-up]"), turn.locator("[id^=vote-down]")
    votes = (
        "SELECT value, reasons, comment FROM chat_feedback JOIN auth_user u ON u.id = user_id WHERE username = 'cleo'"
    )

    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    assert site.rows(votes) == [(1, [], "")]
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(up).to_have_attribute("aria-pressed", "false")
    turn.locator("label.chip", has_text="Inaccurate").click()
    turn.locator("textarea[name=comment]").fill("It was the blue one.")
    turn.get_by_role("button", name="Save feedback").click()
    expect(page.locator("#announcer")).to_have_text(re.compile("feedback was saved"))
    assert site.rows(votes) == [(-1, ["INACCURATE"], "It was the blue one.")]
    page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "false")
    assert site.rows(votes) == []


def test_stop_keeps_what_was_written_and_stops_the_model(site, sign_up):
    page = sign_up("dora")
    site.llm.enqueue(Reply("word " * 300, token_delay_seconds=0.1))

    ask(page)
    expect(page.locator(".answer-body")).to_contain_text("word word word")
    page.get_by_role("button", name="Stop").click()

    turn = finished(page)
    expect(turn).to_have_attribute("data-status", "STOPPED")
    expect(turn.locator(".answer-body")).to_contain_text("word word word")
    assert site.llm.wait_until(lambda: site.llm.cancelled)


def test_reload_in_the_middle_goes_on_with_one_model_call(site, sign_up):
    page = sign_up("emil")
    words = " ".join(f"w{n}" for n in range(40))
    site.llm.enqueue(Reply(words, token_delay_seconds=0.1))
    ask(page)
    expect(page.locator(".answer-body")).to_contain_text("w5")

    page.reload()
    expect(page.locator(".answer-body")).to_contain_text("w12")
    second = page.context.new_page()
    second.goto(page.url)

    expect(finished(page).locator(".answer-body")).to_contain_text(words)
    expect(finished(second).locator(".answer-body")).to_contain_text(words)
    assert len(site.llm.chat_requests) == 1


def test_finished_answer_does_not_connect_again(site, sign_up):
    page = sign_up("fay")
    streams = []
    page.on("request", lambda request: streams.append(request.url) if "/stream/" in request.url else None)
    site.llm.enqueue(ANSWER)

    ask(page)
    finished(page)
    page.wait_for_timeout(4000)  # a browser reconnects after three seconds

    assert len(streams) == 1
    assert len(site.llm.chat_requests) == 1


def test_failed_answer_says_so_and_can_be_retried(site, sign_up):
    page = sign_up("gus")
    site.llm.enqueue(Reply(status=500), ANSWER)

    ask(page)
    turn = finished(page)
    expect(turn).to_contain_text("could not be answered")
    turn.get_by_role("button", name="Retry").click()

    expect(finished(page).locator(".answer-body")).to_contain_text("green button")
    expect(page.locator("article.turn")).to_have_count(1)


def test_regenerate_and_edit_replace_the_last_answer(site, sign_up):
    page = sign_up("hana")
    site.llm.enqueue("First answer [1].", "Second answer [1].", "Third answer [1].")
    ask(page)
    finished(page)

    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator(".answer-body")).to_contain_text("Second answer")
    finished(page)
    page.locator("details.edit summary").click()
    page.locator("details.edit textarea").fill("How do I stop the pump?")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".answer-body")).to_contain_text("Third answer")

    finished(page)
    expect(page.locator(".question-text")).to_have_text("How do I stop the pump?")
    expect(page.locator("article.turn")).to_have_count(1)


def test_follow_up_question_is_added_below(site, sign_up):
    page = sign_up("ida")
    site.llm.enqueue(ANSWER, "How is the pump stopped?", "Press the red button [1].")
    ask(page)
    finished(page)

    ask(page, "And stop it?")

    expect(finished(page, 1).locator(".answer-body")).to_contain_text("red button")
    expect(page.locator("textarea#question")).to_have_value("")


def test_answer_cannot_run_script(site, sign_up):
    page = sign_up("nell")
    page.evaluate("window.pwned = false")
    site.llm.enqueue(
        "<script>window.pwned = true</script> <img src=x onerror='window.pwned = true'>"
        " [click](javascript:window.pwned=true) done [1]."
    )

    ask(page)
    turn = finished(page)

    expect(turn.locator(".answer-body")).to_contain_text("done")
    assert page.evaluate("window.pwned") is False
    assert turn.locator(".answer-body script, .answer-body img, .answer-body a[href^=javascript]").count() == 0


def test_copy_is_stored_as_a_signal(site, sign_up):
    page = sign_up("olga", permissions=["clipboard-read", "clipboard-write"])
    site.llm.enqueue(ANSWER)
    ask(page)
    turn = finished(page)

    with page.expect_response(re.compile("/signal/")):
        turn.locator(".copy-answer").click()

    assert "green button" in page.evaluate("navigator.clipboard.readText()")
    signals = "SELECT kind FROM chat_implicitsignal s JOIN auth_user u ON u.id = s.user_id WHERE username = 'olga'"
    assert site.rows(signals) == [("COPY",)]
