"""Evaluation in the admin: start runs, watch them to their end, and open what one config does worse than another."""

import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.site import worker_process
from tests.conftest import ROOT

ADD = "/admin/monitoring/evaluationrun/add/"
LIST = "/admin/monitoring/evaluationrun/"
IN_OTHER_WORDS = "Switch it on?"  # no word of the manual, so that text search finds nothing
QUESTIONS = f"""question,document,answer
How do I start the pump?,pump.md,Press the green button for three seconds.
How often is the filter cleaned?,pump.md,Every four weeks.
{IN_OTHER_WORDS},pump.md,Press the green button for three seconds.
"""
PREPARE = """
import sys
import django
django.setup()
from django.core.management import call_command
from chat.models import PipelineConfig
call_command("import_dataset", sys.argv[1], name="pump", collection="manuals", split="dev")
embedder = PipelineConfig.objects.default().embedder
for mode in "vector", "text":
    PipelineConfig.objects.create(name=f"by-{mode}", search_mode=mode, embedder=embedder, model="offline/extractive")
"""


@pytest.fixture(scope="module")
def start(site, tmp_path_factory):
    """The address of the form for runs on questions about the pump, by a config that searches by meaning, or one that
    does by words."""
    file = tmp_path_factory.mktemp("questions") / "pump.csv"
    file.write_text(QUESTIONS)
    command = [sys.executable, "-c", PREPARE, str(file)]
    subprocess.run(command, cwd=ROOT, env=site.environment, check=True, stdout=subprocess.DEVNULL)
    ((number,),) = site.rows("SELECT id FROM monitoring_dataset WHERE name = 'pump'")
    return f"{ADD}?dataset={number}"


@pytest.mark.slow
def test_runs_are_started_watched_and_compared_down_to_a_regression(site, sign_in, start):
    page = sign_in("root", start)
    page.get_by_label("by-vector").check()
    page.get_by_label("by-text").check()
    expect(page.locator("#estimate")).to_contain_text("Asked in all6")
    page.get_by_role("button", name="Start").click()
    rows = page.locator("#result_list tr.data-row")
    expect(rows.locator("progress")).to_have_count(2)
    rows.nth(0).locator("input.action-select").check()

    with worker_process(site.environment):
        expect(rows.filter(has_text="done")).to_have_count(2, timeout=60_000)
    expect(page.locator("#run-poll")).not_to_have_attribute("hx-get", "")
    expect(rows.nth(0).locator("input.action-select")).to_be_checked()  # what was marked stays so
    rows.nth(1).locator("input.action-select").check()
    page.get_by_role("button", name="Compare").click()

    expect(page.locator(".ev-compared tbody tr").first).to_contain_text("Hit rate")
    page.get_by_role("navigation", name="Baseline").get_by_role("link", name="by-vector").click()
    expect(page.locator(".ev-compared h2")).to_contain_text("by-text v1 against by-vector v1")
    regression = page.locator("#changes details", has_text=IN_OTHER_WORDS)
    regression.locator("summary").first.click()
    expect(regression.locator(".ev-column")).to_have_count(2)
    expect(regression.locator(".is-relevant").first).to_contain_text("Pump manual")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    regression.get_by_role("link", name="Open on a page of its own").click()
    expect(page.locator("h1.ev-question")).to_have_text(IN_OTHER_WORDS)
    assert site.rows("SELECT count(*) FROM monitoring_evaluationrun WHERE status = 'DONE'") == [(2,)]


@pytest.mark.slow
def test_page_of_a_run_follows_it_to_its_figures(site, sign_in, start):
    page = sign_in("root", start)
    page.get_by_label("by-vector").check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#going")).to_contain_text("Waiting for the worker")

    with worker_process(site.environment):
        expect(page.locator(".ev-tile").first).to_contain_text("n = 3", timeout=60_000)

    page.get_by_role("navigation", name="Measure").get_by_role("link", name="Hit rate").click()
    expect(page.locator("#by-measure-title")).to_contain_text("Hit rate")
    expect(page.locator("#measure-hit_rate")).to_be_focused()
    page.locator("#worst summary").first.press("Enter")
    expect(page.locator("#worst .ev-column").first).to_contain_text("Pump manual")


@pytest.mark.slow
def test_run_is_cancelled_by_keyboard_before_anybody_works_on_it(site, sign_in, start):
    page = sign_in("root", start)
    page.get_by_label("by-text").check()
    page.get_by_role("button", name="Start").press("Enter")

    page.get_by_role("button", name="Cancel").press("Enter")

    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator(".ev-facts")).to_contain_text("cancelled")


@pytest.mark.parametrize("path", [LIST, ADD])
def test_phone_width_needs_no_sideways_scrolling(sign_in, start, path):
    page = sign_in("root", path, viewport={"width": 360, "height": 740})

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
