"""An experiment in a browser: an operator makes and starts it, two users get the config of their variant in the chat,
and the page says what is known. A blind comparison is picked by keyboard."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from playwright.sync_api import expect

from monitoring.experiments.assignment import bucket_of
from tests.browser.steps import ask, finished
from tests.compared_answers import make_comparison
from tests.databases import django_on

ADD = "/admin/monitoring/experiment/add/"
# A config like the default one, under another name and with another model.
COPY_CONFIG = """
INSERT INTO chat_pipelineconfig
SELECT (jsonb_populate_record(config, jsonb_build_object(
           'id', nextval(pg_get_serial_sequence('chat_pipelineconfig', 'id')),
           'name', 'challenger', 'model', 'fake/challenger', 'is_default', false))).*
  FROM chat_pipelineconfig AS config
 WHERE is_default
RETURNING id
"""
JOIN = """
INSERT INTO auth_user_groups (user_id, group_id)
SELECT auth_user.id, auth_group.id FROM auth_user, auth_group WHERE username = %s AND name = 'tryers'
RETURNING user_id
"""
ANSWERED_BY = """
SELECT auth_user.username, config.name, turn.model
  FROM chat_turn AS turn
  JOIN chat_pipelineconfig AS config ON config.id = turn.config_id
  JOIN chat_conversation AS conversation ON conversation.id = turn.conversation_id
  JOIN auth_user ON auth_user.id = conversation.user_id
 WHERE auth_user.username = ANY (%s)
 ORDER BY 1
"""


@pytest.fixture
def comparison(site, django_db_blocker):
    """The id of a comparison of two runs on two questions, open to users."""
    (name,) = site.rows("SELECT current_database()")[0]
    with ThreadPoolExecutor(1) as outside:  # Playwright's loop runs in this thread, where Django would not read
        return outside.submit(_make_comparison, name, django_db_blocker).result()


def _make_comparison(database: str, blocker) -> int:
    with blocker.unblock(), django_on(database):
        made = make_comparison(["**One.**", "Two."], ["Uno.", "Due."], name="Blind", is_open_to_users=True)
        connection.close()
        return made.pk


@pytest.fixture
def draft(site, sign_in):
    """The page of a draft, made by the form: two configs for the members of a group."""
    [(config,)] = site.rows(COPY_CONFIG)
    site.rows("INSERT INTO auth_group (name) VALUES ('tryers') RETURNING id")
    page = sign_in("root", ADD)
    page.locator("input[name=name]").fill("Another model")
    page.get_by_label("Hypothesis").fill("It answers better.")
    page.locator("select[name=variants-1-config]").select_option(str(config))
    page.get_by_label("tryers").check()
    expect(page.locator("#plan")).to_contain_text("It is for some groups only")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".xp-verdict")).to_contain_text("A draft")
    return page


def test_two_users_get_the_configs_of_their_variants_and_the_page_has_a_verdict(site, sign_up, draft):
    [(salt,)] = site.rows("SELECT salt FROM monitoring_experiment WHERE name = 'Another model'")
    people = {}
    for number in range(20):
        name = f"tryer-{number}"
        page = sign_up(name)
        [(user_id,)] = site.rows(JOIN, name)
        people.setdefault("challenger" if bucket_of(salt, str(user_id)) >= 5000 else "default", (name, page))
        if len(people) == 2:
            break

    draft.locator("summary", has_text="Start").click()
    draft.get_by_role("button", name="Start “Another model”").click()
    expect(draft.locator(".ev-title")).to_contain_text("running")
    # Questions of its first seconds, when not all processes know of it, do not count: it began a minute ago. A pin lets
    # the site look again.
    site.rows("UPDATE monitoring_experiment SET started_at = started_at - interval '1 minute' RETURNING id")
    draft.get_by_role("button", name="B", exact=True).click()
    expect(draft.get_by_text("You get “B” in new questions of yours")).to_be_visible()
    draft.get_by_role("button", name="As everybody").click()
    expect(draft.get_by_text("You get what everybody gets.")).to_be_visible()
    for _, page in people.values():
        ask(page)
        finished(page)

    for _ in range(100):  # exposures are written when the answers are already on the page
        if site.rows("SELECT count(*) FROM monitoring_exposure") == [(2,)]:
            break
        draft.wait_for_timeout(50)
    names = [name for name, _ in people.values()]
    assert site.rows(ANSWERED_BY, names) == sorted(
        (name, config, f"fake/{config}") for config, (name, _) in people.items()
    )
    site.rows("DELETE FROM ragsite_cache RETURNING 1")  # results are kept for a minute
    draft.reload()
    expect(draft.locator(".xp-verdict")).to_contain_text("1 of at least 100 users in each variant")
    expect(draft.locator("#variants + .rs-scroll tbody tr")).to_have_count(2)
    draft.set_viewport_size({"width": 360, "height": 740})
    assert draft.evaluate("document.documentElement.scrollWidth") <= 360
    draft.locator("summary", has_text="Conclude").click()
    draft.get_by_label("What was learned").fill("Nothing yet.")
    draft.get_by_role("button", name="Conclude", exact=True).click()
    expect(draft.get_by_role("region", name="Conclusion")).to_contain_text("None was better.")


def test_answers_are_picked_by_keyboard_without_names(site, sign_up, comparison):
    page = sign_up("picker")
    page.goto(f"{site.url}/compare/{comparison}/")
    expect(page.locator(".compare-answer")).to_have_count(2)

    page.keyboard.press("ArrowLeft")
    expect(page.locator(".compare-progress")).to_contain_text("1 of 2")
    page.keyboard.press("0")
    expect(page.get_by_role("heading", name="That was all of them")).to_be_visible()

    rows = site.rows("SELECT choice FROM monitoring_preference ORDER BY id")
    assert rows == [("LEFT",), ("BOTH_BAD",)]
    page.get_by_role("button", name="Take the last one back").click()
    expect(page.locator(".compare-progress")).to_contain_text("1 of 2")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
