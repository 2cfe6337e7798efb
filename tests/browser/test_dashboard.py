"""The dashboard in a browser: a filter, a point and its turns, the keyboard, refreshing, a phone, the dark."""

import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT

# Three answers and a failure of twenty minutes ago, in a collection of their own: other tests ask things too.
PREPARE = """
import django
django.setup()
from datetime import timedelta
from django.utils import timezone
from chat.models import Collection, Conversation, PipelineConfig, Turn
collection = Collection.objects.create(name="Charts")
config = PipelineConfig.objects.default()
asked_at = timezone.now() - timedelta(minutes=20)
for status in ("DONE", "DONE", "DONE", "FAILED"):
    conversation = Conversation.objects.create(title="Charts")
    turn = Turn.objects.create(
        conversation=conversation, position=1, question="Why?", answer="So.", status=status, config=config,
        collection=collection, search_mode="text", model="fake/default", hit_count=1, total_seconds=2.0,
    )
    Turn.objects.filter(pk=turn.pk).update(created_at=asked_at)
print(collection.pk)
"""
ASK_AGAIN = """
INSERT INTO chat_turn (conversation_id, position, question, answer, status, config_id, collection_id, search_mode,
                       model, search_query, is_current, origin, prompt_name, prompt_sha256, degraded, error_code,
                       error_message, created_at)
SELECT conversation_id, position + 1, question, answer, status, config_id, collection_id, search_mode, model, '',
       true, origin, '', '', '', '', '', now() - interval '1 second'
  FROM chat_turn WHERE collection_id = %s AND status = 'DONE' LIMIT 1 RETURNING id
"""


@pytest.fixture(scope="module")
def collection(site) -> str:
    command = [sys.executable, "-c", PREPARE]
    return subprocess.run(
        command, cwd=ROOT, env=site.environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_point_leads_to_its_turns_by_mouse_and_by_keys(sign_in, collection):
    page = sign_in("root", "/admin/", timezone_id="Asia/Kolkata")
    expect(page.locator(".db-period")).to_contain_text(re.compile(r"\(Asia/(Calcutta|Kolkata)\)"))

    page.locator("#filter-collection").select_option("Charts")
    expect(page).to_have_url(re.compile(rf"/admin/\?collection={collection}$"))
    expect(page.locator("#tile-turns strong")).to_have_text("4")
    page.locator("#range-7d").click()
    expect(page.locator("#range-7d")).to_have_attribute("aria-current", "true")
    expect(page.locator("#tile-turns strong")).to_have_text("4")
    page.go_back()
    expect(page.locator("#range-24h")).to_have_attribute("aria-current", "true")

    last = page.locator("#chart-turns .db-point[tabindex='0']")
    last.focus()
    if "answered" not in page.locator(".db-tip").inner_text():  # in the hour before
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".db-tip")).to_contain_text("answered: 3")
    expect(page.locator(".db-tip")).to_contain_text("failed: 1")
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(4)
    page.go_back()

    page.locator("#chart-turns .db-part").last.click()  # the red part of the bar
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_figures_follow_but_not_under_somebodys_hands(site, sign_in, collection):
    page = sign_in("root", "/admin/", timezone_id="UTC")
    page.clock.install(time=datetime.now(UTC))
    page.goto(f"{site.url}/admin/?range=1h&collection={collection}")
    before = page.locator("#tile-turns strong")
    expect(page.locator(".db-tables .rs-table").first).to_be_visible()
    number = int(before.inner_text())
    table = page.locator("#chart-turns details")

    table.locator("summary").click()
    expect(table.locator("tbody tr")).to_have_count(60)
    assert len(site.rows(ASK_AGAIN, collection)) == 1
    page.clock.fast_forward(31_000)
    expect(page.locator("#dashboard-status")).to_have_attribute("data-note", "not refreshed while in use")
    table.locator("summary").click()
    page.locator("#made-at").click()  # away from the charts
    page.evaluate("document.activeElement.blur()")
    page.clock.fast_forward(31_000)

    expect(page.locator("#tile-turns strong")).to_have_text(str(number + 1))
    expect(page.locator("#dashboard-status")).to_have_attribute("data-note", "")

    page.context.clear_cookies()
    page.clock.fast_forward(31_000)
    expect(page.locator("#dashboard-status")).to_have_attribute("data-note", "not refreshed: sign in again")
    expect(page.locator("#tile-turns strong")).to_have_text(str(number + 1))


def test_on_a_phone_and_in_the_dark_nothing_sticks_out(sign_in, collection):
    page = sign_in("root", "/admin/", viewport={"width": 390, "height": 844}, color_scheme="dark", timezone_id="UTC")
    expect(page.locator(".db-tables .rs-table").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_text("Own", exact=True).click()
    expect(page.get_by_role("button", name="Show", exact=True)).to_be_in_viewport()
    page.get_by_label("From").fill("2026-01-01T00:00")
    page.get_by_label("To", exact=True).fill("2026-01-02T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#figures")).to_contain_text("Nothing was asked in this time")
    assert re.search(r"range=own&since=2026-01-01", page.url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_the_figures_are_a_click_away(sign_in, collection):
    page = sign_in("root", "/admin/", java_script_enabled=False)

    page.get_by_role("link", name="Show the figures").click()

    expect(page.locator("#tile-turns strong")).to_be_visible()
    expect(page.locator("#chart-turns .db-point").first).to_be_attached()
