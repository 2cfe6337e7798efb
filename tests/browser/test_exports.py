"""An export from the admin: ordered, followed while it is made, downloaded, removed."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.site import worker_process
from tests.browser.steps import ANSWER, ask, finished

EXPORTS = "/admin/monitoring/export/"


@pytest.mark.slow
def test_export_is_ordered_followed_and_downloaded(site, sign_up, sign_in):
    page = sign_up("eve")
    site.llm.enqueue(ANSWER)
    ask(page, "What does an export hold?")
    finished(page)
    admin = sign_in("root", EXPORTS)
    admin.get_by_label("Users").select_option("names")
    admin.get_by_role("button", name="Make the file").click()

    row = admin.locator(".ex-table tbody tr").first
    expect(row).to_contain_text("Waiting for the worker")
    expect(row.get_by_role("progressbar", name="Turns exported by Export")).to_be_visible()
    # Its row is asked for again and again, and whoever is at a button of it stays there.
    row.get_by_role("button", name="Cancel").focus()
    with admin.expect_response("**/row/"):
        pass
    expect(row.get_by_role("button", name="Cancel")).to_be_focused()
    with worker_process(site.environment):
        download_link = row.get_by_role("link", name="Download")
        expect(download_link).to_be_visible(timeout=60_000)
    expect(admin.get_by_role("status").filter(has_text="the file is ready")).to_have_count(1)
    expect(download_link).to_be_focused()

    with admin.expect_download() as download:
        download_link.click()
    assert download.value.suggested_filename.endswith(".jsonl")
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    (line,) = [line for line in lines if line["question"] == "What does an export hold?"]
    assert line["user"]["name"] == "eve"
    assert len(lines) == int(row.locator("strong").inner_text().split()[0])
    row.get_by_role("button", name="Remove").click()
    expect(admin.get_by_text("Nothing was exported yet")).to_be_visible()


def test_export_that_waits_is_cancelled_and_a_wrong_time_is_refused(sign_in):
    page = sign_in("root", EXPORTS)
    page.get_by_label("Asked from").fill("yesterday")
    page.get_by_role("button", name="Make the file").click()
    expect(page.get_by_role("alert")).to_contain_text("since=yesterday is no time")
    page.get_by_label("Asked from").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Make the file").click()

    row = page.locator(".ex-table tbody tr").first
    row.get_by_role("button", name="Cancel").click()

    expect(row).to_contain_text("cancelled")
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nothing was exported yet")).to_be_visible()
