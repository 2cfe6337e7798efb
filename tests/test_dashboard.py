"""The dashboard: who sees it, what it shows, where its figures lead, and what it costs in queries."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import LLMCall, Turn
from monitoring.dashboard.panels import PANELS
from monitoring.dashboard.words import NOTHING
from monitoring.models import JudgeVersion, Score
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_feedback,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db

INDEX = "/admin/"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = {"range": "own", "since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"}


@pytest.fixture
def root(client, staff):
    client.force_login(staff)
    return client


def ask(at: datetime = NOON, **values) -> Turn:
    """Return an answered turn asked at that time."""
    turn = make_turn(**values)
    Turn.objects.filter(pk=turn.pk).update(created_at=at)
    return turn


def world() -> None:
    """Twelve turns of users on one day: ten at noon, of which two failed and one is a refusal, and two later; four
    votes, and a verdict on each of five. And one turn of another origin."""
    config, collection = make_config(name="fast"), make_collection(name="Handbook")
    owner = make_user()
    version = JudgeVersion.objects.create(
        judge="groundedness_offline", criterion="groundedness", version="1", family="offline", fingerprint="g1"
    )
    for number in range(12):
        at = NOON + (timedelta(minutes=number) if number < 10 else timedelta(hours=3))
        failed = number in (3, 4)
        turn = ask(
            at,
            config=config,
            collection=collection,
            conversation=make_conversation(user=owner),
            status="FAILED" if failed else "DONE",
            nothing_found=None if failed else number == 5,
            first_token_seconds=None if failed else 0.5,
            total_seconds=None if failed else 2.0,
            hit_count=0 if number == 5 else 5,
            cited_count=1,
            cost_usd="0.002",
        )
        call = make_call(turn=turn, cost_usd="0.002")
        LLMCall.objects.filter(pk=call.pk).update(created_at=at)
        if number in (0, 1, 2, 6):
            make_feedback(turn=turn, value=-1 if number == 6 else 1)
        if number in (0, 1, 2, 6, 7):
            label, value = ("UNSUPPORTED", 0.0) if number == 7 else ("SUPPORTED", 1.0)
            Score.objects.create(
                turn=turn, name="groundedness", source="JUDGE", judge_version=version, label=label, value=value
            )
    ask(conversation=make_conversation(user=owner, origin="API"), config=config)


def page(client, **parameters) -> str:
    return client.get(INDEX, parameters).content.decode()


def part(client, name: str = "all", **parameters) -> str:
    return client.get(reverse("dashboard:figures", args=[name]), parameters).content.decode()


def tile(html: str, key: str) -> tuple[str, str, str]:
    """Return value, all words, and address of a figure."""
    found = re.search(rf'<li class="db-tile" id="tile-{key}">\s*<a href="([^"]*)".*?</li>', html, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()).replace("\N{NO-BREAK SPACE}", " ")
    value = re.search(r"<strong>([^<]*)</strong>", found[0])[1].replace("\N{NO-BREAK SPACE}", " ")
    return value, words, found[1].replace("&amp;", "&")


def listed(client, url: str) -> int:
    """Return how many turns the list at an address has."""
    return len(client.get(url).context["cl"].result_list)


def points(html: str, chart: str) -> list[tuple[str, str]]:
    """Return what each point of a chart says, and where it leads."""
    figure = re.search(rf'<figure class="db-panel" id="chart-{chart}">.*?</figure>', html, re.DOTALL)[0]
    found = re.findall(r'<a class="db-point" href="([^"]*)"[^>]*><title>([^<]*)</title>', figure)
    return [(says.replace("\N{NO-BREAK SPACE}", " "), url.replace("&amp;", "&")) for url, says in found]


def test_figures_are_those_of_the_turns(root):
    world()

    html = part(root, **DAY)

    assert tile(html, "turns")[0] == "12"
    value, words, _ = tile(html, "failed")
    assert value == "16.7 %"
    assert "95 %: 4.7 to 44.8 %" in words
    assert "n = 12 finished turns" in words
    value, words, _ = tile(html, "thumbs")
    assert value == "75.0 %"
    assert "95 %: 30.1 to 95.4 % n = 4 votes 40.0 % of answers rated" in words
    value, words, _ = tile(html, "groundedness")
    assert value == "20.0 %"
    assert "n = 5 judged turns" in words
    assert tile(html, "relevance")[0] == NOTHING
    assert tile(html, "refusals")[0] == "10.0 %"
    assert tile(html, "empty")[0] == "8.3 %"
    assert tile(html, "cost")[0] == "$0.024"
    assert tile(html, "answer_cost")[0] == "$0.0020"
    assert tile(html, "queue")[0] == "0"


def test_each_figure_leads_to_the_turns_that_it_counts(root):
    world()
    html = part(root, "tiles", **DAY)

    numbers = {"turns": 12, "failed": 2, "thumbs": 1, "groundedness": 1, "refusals": 1, "empty": 1, "answer_cost": 10}
    assert {key: listed(root, tile(html, key)[2]) for key in numbers} == numbers


def test_a_point_leads_to_the_turns_of_its_step(root):
    world()

    found = points(part(root, "charts", **DAY), "turns")

    noon = {says.splitlines()[0]: url for says, url in found}["2 Mar, 12:00 to 12:15"]
    assert listed(root, noon) == 10
    assert found[48][0] == "2 Mar, 12:00 to 12:15\nanswered: 7\nrefused: 1\nfailed: 2"
    assert sum(listed(root, url) for says, url in found if "answered" in says) == 12


def test_points_of_a_rate_say_n_and_interval_and_lead_to_what_it_counts(root):
    world()

    says, url = points(part(root, "charts", **DAY), "errors")[48]

    assert says.splitlines()[1] == "failed: 20.0 % (5.7 to 51.0 %), n = 10"
    assert listed(root, url) == 2


def test_changes_are_against_the_time_before(root):
    world()
    for number in range(4):
        ask(NOON - timedelta(days=1, minutes=number))

    words = tile(part(root, "tiles", **DAY), "turns")[1]

    assert "+200 %" in words


def test_origins_never_mix(root):
    world()

    assert tile(part(root, "tiles", origin="API", **DAY), "turns")[0] == "1"


@pytest.mark.parametrize("name", ["collection", "config", "model"])
def test_filters_narrow_all_down(root, name):
    world()
    other = ask(model="other/model", collection=make_collection())
    chosen = {"collection": other.collection_id, "config": other.config_id, "model": "other/model"}[name]

    html = part(root, **DAY, **{name: chosen})

    value, _, url = tile(html, "turns")
    assert value == "1"
    assert listed(root, url) == 1
    assert "Handbook" not in html


def test_tables_compare_configs_and_name_what_they_rest_on(root):
    world()

    html = part(root, "tables", **DAY)
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split()).replace("\N{NO-BREAK SPACE}", " ")

    assert "fast v1 12 16.7 % 4.7 to 44.8 % n = 12 75.0 % 30.1 to 95.4 % n = 4 20.0 %" in words
    assert "Groundedness groundedness_offline · advisory" in words
    assert 'aria-label="0 to 0.1: 1; 0.9 to 1: 4; "' in html
    assert "Answers $0.024 12" in words


def test_each_chart_is_a_table_and_a_file_too(root):
    world()

    for key in PANELS:
        file = root.get(reverse("dashboard:csv", args=[key]), DAY)
        assert file.headers["Content-Disposition"] == f'attachment; filename="{key}-20260302-0000-20260303-0000.csv"'
        rows = list(csv.DictReader(io.StringIO(file.content.decode())))
        assert len(rows) == 96
        assert rows[48]["from"] == "2026-03-02T12:00:00Z"
        table = root.get(reverse("dashboard:table", args=[key]), DAY).content.decode()
        assert table.count("<tr>") == 97


def test_a_file_leaves_the_unknown_empty(root):
    world()

    rows = list(csv.DictReader(io.StringIO(root.get(reverse("dashboard:csv", args=["errors"]), DAY).content.decode())))

    assert rows[48]["failed_ratio"] == "0.2"
    assert rows[48]["failed_n"] == "10"
    assert (rows[0]["failed_ratio"], rows[0]["failed_n"]) == ("", "0")


def test_what_is_not_there_is_not_found(root):
    for name in ("table", "csv", "figures"):
        assert root.get(reverse(f"dashboard:{name}", args=["nonsense"])).status_code == 404


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"range": "5y"}, "There is no range “5y”"),
        ({"range": "own", "since": "yesterday", "until": "2026-03-02T00:00"}, "The begin is no date and time."),
        ({"range": "own", "since": "2026-03-02T00:00"}, "needs a begin and an end"),
        (
            {"range": "own", "since": "2026-03-02T00:00", "until": "2026-03-01T00:00"},
            "a minute or more after the begin",
        ),
        ({"range": "own", "since": "2006-03-02T00:00", "until": "2026-03-01T00:00"}, "too long: 5 years at most"),
        ({"origin": "MARS"}, "There is no origin “MARS”"),
        ({"collection": "99"}, "That collection does not exist"),
        ({"config": "x"}, "That pipeline config does not exist"),
        ({"zone": "Mars/Base"}, "There is no time zone “Mars/Base”"),
    ],
)
def test_wrong_addresses_say_what_is_wrong_and_show_the_usual(root, parameters, problem):
    html = page(root, **parameters)

    assert problem in html
    assert "The last 24 hours of users" in html
    assert root.get(reverse("dashboard:csv", args=["turns"]), parameters).status_code == 400


def test_the_address_carries_what_is_chosen(root):
    collection = make_collection()
    address = {"range": "7d", "zone": "Europe/Berlin", "origin": "API", "collection": str(collection.pk)}

    html = page(root, **address).replace("&amp;", "&")

    assert f'hx-get="/admin/dashboard/figures/all/?{urlencode(address)}"' in html
    assert f'href="/admin/?{urlencode({**address, "range": "30d"})}"' in html
    assert f'<option value="{collection.pk}" selected>' in html


def test_times_are_in_the_zone_that_the_browser_told(root):
    root.cookies["ragsite_zone"] = "Asia/Kolkata"

    html = page(root, range="own", since="2026-03-02T05:30", until="2026-03-03T05:30")

    assert "2 Mar 2026, 05:30 to 3 Mar 2026, 05:30" in html
    assert "(Asia/Kolkata)" in html
    world()
    html = part(root, "tiles", range="own", since="2026-03-02T05:30", until="2026-03-03T05:30")
    assert tile(html, "turns")[0] == "12"


def test_an_unknown_zone_of_the_browser_is_utc(root):
    root.cookies["ragsite_zone"] = "../etc/passwd"

    assert "(UTC)" in page(root)


def test_other_pages_of_the_admin_are_in_that_zone_too(root):
    turn = ask(NOON)
    root.cookies["ragsite_zone"] = "Europe/Berlin"

    html = root.get(reverse("admin:chat_turn_change", args=[turn.pk])).content.decode()

    assert "March 2, 2026, 1 p.m." in html


def test_without_any_turn_it_says_what_to_do(root):
    html = part(root)

    assert "Nothing was asked yet" in html
    assert f'href="{reverse("chat:home")}"' in html
    assert "Make demo data" in html


def test_without_turns_in_this_time_it_leads_to_the_last_ones(root):
    asked_at = timezone.now() - timedelta(days=40)
    ask(asked_at)

    html = part(root)

    assert "Nothing was asked in this time" in html
    assert f"on {asked_at:%A, %-d %B %Y}." in html
    url = re.search(r'<a class="ev-button" href="([^"]*)">Show that day', html)[1].replace("&amp;", "&")
    assert tile(part(root, "tiles", **root.get(url).wsgi_request.GET.dict()), "turns")[0] == "1"


def test_with_filters_that_nothing_has_it_leads_to_all(root):
    html = part(root, model="no/such")

    assert "No turn has these filters" in html
    assert '<a class="ev-button" href="/admin/">Remove filters</a>' in html


def test_an_empty_part_takes_the_place_of_all(root):
    response = root.get(reverse("dashboard:figures", args=["tiles"]))

    assert response.headers["HX-Retarget"] == "#figures"


def test_an_answer_to_htmx_has_no_frame_but_history_does(root):
    assert "<html" not in root.get(INDEX, headers={"HX-Request": "true"}).content.decode()
    restored = root.get(INDEX, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()


def test_it_costs_few_queries_however_much_there_is(root):
    world()
    part(root, **DAY)  # names of zones are read once a process

    numbers = {}
    for name in ("tiles", "charts", "tables", "all"):
        with CaptureQueriesContext(connection) as queries:
            part(root, name, **DAY)
        numbers[name] = sum(1 for query in queries if "FROM reports." in query["sql"])
    with CaptureQueriesContext(connection) as queries:
        page(root, **DAY)

    assert numbers == {"tiles": 17, "charts": 7, "tables": 18, "all": 41}
    assert sum(1 for query in queries if "FROM reports." in query["sql"]) == 1  # the models to choose from
    assert len(queries) <= 17


def member(*codenames: str):
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def test_reviewers_and_operators_see_it(client):
    for group in ("reviewer", "operator"):
        user = make_user(is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        assert 'id="dashboard"' in page(client)
        assert client.get(reverse("dashboard:figures", args=["all"])).status_code == 200


def test_who_may_not_see_turns_sees_the_plain_page(client):
    client.force_login(member("view_document"))

    html = page(client)

    assert 'id="dashboard"' not in html
    assert "Knowledge base" in html
    for name, arguments in (
        ("figures", ["all"]),
        ("table", ["turns"]),
        ("csv", ["turns"]),
        ("alerts", []),
        ("demo", []),
    ):
        assert client.get(reverse(f"dashboard:{name}", args=arguments)).status_code == 403


def test_others_are_sent_to_sign_in(client, alice):
    urls = [INDEX, reverse("dashboard:figures", args=["all"]), reverse("dashboard:csv", args=["turns"])]
    for user in (alice, None):
        if user:
            client.force_login(user)
        else:
            client.logout()
        assert [client.get(url).status_code for url in urls] == [302, 302, 302]


def test_alerts_that_fire_are_shown_by_name(root):
    for number in range(40):
        ask(timezone.now() - timedelta(minutes=5), status="FAILED" if number < 30 else "DONE")

    html = root.get(reverse("dashboard:alerts")).content.decode()

    assert '<li class="db-alert' in html
    assert "is-critical" in html


def test_operators_order_demo_data(client):
    cache.clear()
    client.force_login(member("view_turn"))
    assert client.post(reverse("dashboard:demo-start")).status_code == 403
    assert "Make demo data" not in part(client)

    client.force_login(member("view_turn", "add_backfill"))
    assert client.get(reverse("dashboard:demo-start")).status_code == 405
    client.post(reverse("dashboard:demo-start"))

    assert [task.func() for task in OrmQ.objects.all()] == ["monitoring.synthetic.traffic.demo.make_demo"]
    assert "Demo data is being made" in part(client)
    assert "Demo data is being made" in client.get(reverse("dashboard:demo")).content.decode()
    cache.clear()


def test_demo_data_is_shown_apart_and_says_so(root):
    cache.clear()
    world()
    ask(conversation=make_conversation(origin="SYNTHETIC"))

    html = page(root, origin="SYNTHETIC", **DAY)

    assert "These figures are of 1 made-up turns" in html
    assert "Remove demo data" in html
    assert tile(part(root, "tiles", origin="SYNTHETIC", **DAY), "turns")[0] == "1"
    assert "Demo data." not in page(root, **DAY)
    root.post(reverse("dashboard:demo-remove"))
    assert [task.func() for task in OrmQ.objects.all()] == ["monitoring.synthetic.traffic.demo.unmake_demo"]
    cache.clear()
