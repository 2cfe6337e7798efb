"""Reviewing by keyboard alone: open the queue, decide three items, put one into a dataset, replay it to green."""

import subprocess
import sys

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import worker_process
from tests.conftest import ROOT

QUEUE = "/admin/monitoring/reviewitem/"
RIGHT = "Press the green button for three seconds to start the pump [1]."
# Three conversations in the queue, each with a question about the pump that got a wrong answer and thumbs down. What
# other tests asked goes away, and what they left to the worker: it would judge that too, and could put it in the queue.
PREPARE = """
import uuid
import django
django.setup()
from django.contrib.auth import get_user_model
from django_q.models import OrmQ
from chat.models import Chunk, Conversation, PipelineConfig
from monitoring.flags.raising import raise_flags
from tests.factories import make_conversation, make_feedback, make_hit, make_turn
from tests.review_rows import make_verdict, make_version
OrmQ.objects.all().delete()
Conversation.objects.all().delete()
for number in range(3):
    chunk = Chunk.objects.select_related("collection", "document").get(text__contains="green button")
    root = get_user_model().objects.get(username="root")
    conversation = make_conversation(user=root, title=f"Question {number}", collection=chunk.collection)
    turn = make_turn(
        conversation=conversation,
        question=f"How do I start pump {number}?",
        answer="Press the blue button twice [1].",
        config=PipelineConfig.objects.default(),
    )
    make_hit(turn=turn, chunk=chunk, is_cited=True)
    make_feedback(turn=turn, value=-1)
    make_verdict("UNSUPPORTED", turn=turn, judge_version=make_version(fingerprint=uuid.uuid4().hex))
    raise_flags([turn.pk])
"""


@pytest.fixture
def queue(site):
    """Three items in the queue, and nothing else."""
    subprocess.run([sys.executable, "-c", PREPARE], cwd=ROOT, env=site.environment, check=True)


def rows(page: Page, title: str):
    return page.locator(".rv-flagged .rv-row", has_text=title)


def decided(site) -> int:
    return site.rows("SELECT count(*) FROM monitoring_review WHERE decided_at IS NOT NULL")[0][0]


@pytest.mark.slow
def test_three_items_are_reviewed_by_keyboard_and_one_is_replayed_to_green(site, sign_in, queue):
    before = decided(site)
    page = sign_in("root", QUEUE)
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    page.locator("#review-next-button").press("Enter")

    # The first: all labels by digits, then Enter.
    expect(page.locator(".rv-row.is-active")).to_contain_text("Relevance")
    first = page.url
    for digit in "3312112":  # relevance, groundedness, context, citations, refusal, toxicity of both
        page.keyboard.press(digit)
    expect(page.locator(".rv-row.is-active")).to_contain_text("Session quality")
    # Letters go into the corrected answer of the turn, though the marked criterion is the conversation's.
    page.keyboard.press("c")
    page.keyboard.type("sad")
    page.keyboard.press("Escape")
    expect(page.locator(".rv-flagged .rv-verdict textarea")).to_have_value("sad")
    assert page.url == first
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first and url.endswith("/review/"))
    expect(page.locator("#review-progress")).to_contain_text("2 left")
    assert decided(site) == before + 1
    labels = site.rows("SELECT name, label FROM monitoring_score WHERE source = 'REVIEWER' ORDER BY name")
    assert set(labels) >= {("relevance", "NON_RELEVANT"), ("groundedness", "UNSUPPORTED"), ("session_quality", "BAD")}

    # The second: arrows, a label taken back, a correction, into the dataset, replayed.
    second = page.url
    page.keyboard.press("3")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("1")
    expect(page.locator(".rv-row.is-active")).to_contain_text("Groundedness")
    page.keyboard.press("3")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("0")
    expect(rows(page, "Groundedness").locator("input:checked")).to_have_attribute("value", "")
    page.keyboard.press("c")
    page.keyboard.type("Press the green button for three seconds.")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator(".rv-made")).to_contain_text("from-reviews")
    assert page.url == second  # nothing was decided by that
    site.llm.enqueue(RIGHT)
    page.keyboard.press("r")
    expect(page.locator(".rv-outcome-of")).to_contain_text("Answering again")
    with worker_process(site.environment):
        expect(page.locator(".rv-outcome-of")).to_contain_text("Green: fixed", timeout=60_000)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != second and url.endswith("/review/"))

    # The third: dismissed; then the queue is empty.
    page.keyboard.press("d")
    page.wait_for_url(f"**{QUEUE}")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    assert decided(site) == before + 3
    assert site.rows("SELECT outcome FROM monitoring_replay") == [("FIXED",)]
    (expected,) = site.rows("SELECT expected_answer FROM monitoring_datasetitem WHERE source = 'REVIEW'")
    assert expected == ("Press the green button for three seconds.",)


def test_reload_loses_nothing_and_help_and_skip_have_keys(site, sign_in, queue):
    page = sign_in("root", QUEUE)
    page.locator("#review-next-button").press("Enter")
    page.wait_for_url("**/review/")
    first = page.url
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.keyboard.type("Half a thought")
    page.reload()

    expect(rows(page, "Relevance").first.locator("input:checked")).to_have_attribute("value", "PARTLY_RELEVANT")
    expect(page.locator("#review-note")).to_have_value("Half a thought")
    expect(page.locator("#review-status")).to_contain_text("is here again")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Keys")).not_to_be_visible()
    page.keyboard.press("s")
    page.wait_for_url(lambda url: url != first and url.endswith("/review/"))
    assert site.rows("SELECT count(*) FROM monitoring_review WHERE decided_at IS NULL") == [(1,)]


def test_judges_are_closed_until_all_is_chosen(site, sign_in, queue):
    page = sign_in("root", QUEUE)
    page.locator("#review-next-button").press("Enter")
    page.wait_for_url("**/review/")
    judges = page.locator(".rv-flagged .rv-judges")
    expect(judges.locator("summary")).to_contain_text("closed until you have chosen")
    expect(judges).not_to_have_attribute("open", "")

    for _ in range(7):
        page.keyboard.press("1")

    expect(judges).to_have_attribute("open", "")


def test_phone_width_needs_no_sideways_scrolling(site, sign_in, queue):
    page = sign_in("root", QUEUE, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#review-next-button").press("Enter")
    page.wait_for_url("**/review/")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".rv-choice", has_text="Relevant").first.click()
    expect(rows(page, "Relevance").first.locator("input:checked")).to_have_attribute("value", "RELEVANT")


def test_without_its_script_it_is_a_plain_form(site, sign_in, queue):
    page = sign_in("root", QUEUE)
    before = decided(site)
    page.route("**/review*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.locator(".rv-name").first.click()
    page.locator(".rv-choice", has_text="Not relevant").first.click()
    page.locator("#review-save").click()

    expect(page.get_by_text("Saved: ")).to_be_visible()
    assert decided(site) == before + 1
