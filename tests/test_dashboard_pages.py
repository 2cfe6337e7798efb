"""The page of the dashboard: addresses, zones, what it says where there is nothing, what it costs, and no scripts."""

import re
from dataclasses import replace
from datetime import timedelta, tzinfo
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitoring.dashboard.choice import Choice, iso
from monitoring.dashboard.period import between, midnight
from monitoring.dashboard.reading import Reader
from monitoring.reports import Filters, read
from tests.dashboard_world import DAY, INDEX, NOON, ask, listed, page, part, points, tile, world
from tests.factories import make_collection, make_document, make_embedding, make_feedback

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, staff):
    client.force_login(staff)
    return client


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


@pytest.mark.parametrize(
    ("zone", "begin", "spoken"),
    [
        ("America/Havana", "2026-11-01T00:00", "1 Nov 2026, 00:00"),  # twice
        ("Africa/Cairo", "2026-04-24T00:00", "24 Apr 2026, 01:00"),  # never
    ],
)
def test_a_range_may_begin_at_a_time_that_clocks_show_twice_or_never(root, zone, begin, spoken):
    html = page(root, range="own", since=begin, until="2026-12-01T00:00", zone=zone)

    assert f"{spoken} to 1 Dec 2026, 00:00" in html


@pytest.mark.parametrize(
    ("zone", "noon"),
    [
        ("Atlantic/Azores", NOON.replace(month=10, day=25)),
        ("America/Havana", NOON.replace(month=11, day=1)),
        ("Africa/Cairo", NOON.replace(month=4, day=24)),  # begins at 01:00
        ("Asia/Kolkata", NOON),
        ("Australia/Lord_Howe", NOON.replace(month=4, day=5)),  # half an hour longer
    ],
)
def test_no_day_is_missing_from_the_charts_where_clocks_change(root, zone, noon):
    for _ in range(4):
        make_feedback(turn=ask(noon), value=1)
    whole = {"range": "own", "zone": zone}
    whole |= {"since": iso(noon - timedelta(days=20)), "until": iso(noon + timedelta(days=20))}

    html = part(root, **whole)

    for chart, words in (("turns", "answered: 4"), ("feedback", "thumbs up: 4")):
        [url] = [url for says, url in points(html, chart) if words in says]
        assert listed(root, url) == 4


class OlderRules(tzinfo):
    """Karachi as a Python would know it whose rules of zones are older than the database server's: an hour off."""

    key = "Asia/Karachi"

    def utcoffset(self, when):
        return timedelta(hours=4)

    def dst(self, when):
        return timedelta(0)

    def tzname(self, when):
        return "PKT"


@pytest.mark.parametrize("hour", [0, 19, 20])  # midnight there, by the server's rules, is 19:00
def test_no_row_is_lost_where_the_server_begins_a_day_at_another_hour(hour):
    ask(NOON.replace(hour=hour, minute=30))
    zone = OlderRules()
    period = between(NOON - timedelta(days=9), NOON + timedelta(days=9), zone=zone)
    period = replace(period, since=midnight(period.since, zone), until=period.until.replace(hour=19, minute=30))
    reader = Reader(Choice(period))

    assert [row["turns"] for row in reader.each_step("turns")].count(1) == 1
    [begun] = [step for step, row in zip(reader.steps, reader.each_step("turns"), strict=True) if row["turns"]]
    assert begun.begin <= NOON.replace(hour=hour, minute=30) < begun.end


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
    assert sum(1 for query in queries if "FROM reports." in query["sql"]) == 2  # models to choose from, storage
    assert len(queries) <= 18


def test_what_vectors_take_on_disk_is_said_of_each_embedder(root):
    for chunk in make_document(("Press the green button.", "Press the red button.")).chunks.all():
        make_embedding(chunk=chunk)

    [before] = read("storage", Filters(NOON, NOON + timedelta(hours=1)))
    html = page(root)
    [after] = read("storage", Filters(NOON, NOON + timedelta(hours=1)))  # PostgreSQL may have tidied up meanwhile

    cells = re.findall(r'<td class="rs-number" data-label="[^"]*">([^<]*)</td>', html[html.index('id="storage"') :])
    assert before["table_bytes"] > 0
    assert cells[:2] == ["384", "2"]
    assert cells[2] in [filesizeformat(row["table_bytes"]) for row in (before, after)]
    assert cells[3:] in [[filesizeformat(row["index_bytes"])] for row in (before, after)]


def test_without_scripts_all_parts_are_on_a_page_of_their_own(root):
    world()
    html = page(root, **DAY)
    url = re.search(r'<noscript><p class="db-banner"><a class="text-link" href="([^"]*)">', html)[1]

    whole = root.get(url.replace("&amp;", "&")).content.decode()

    assert tile(whole, "turns")[0] == "12"
    assert len(points(whole, "turns")) == 96
    assert "fast v1" in whole
    assert "db-waiting" not in whole
    assert "<html" in whole


def test_without_scripts_a_chart_leads_to_its_table(root):
    world()
    url = re.search(r'href="(/admin/dashboard/table/turns/[^"]*)"', part(root, "charts", **DAY))[1]

    html = root.get(url.replace("&amp;", "&")).content.decode()

    assert "<html" in html
    assert "2 Mar 2026, 00:00 to 3 Mar 2026, 00:00" in html
    assert html.count('<th scope="row">') == 96
    assert "<html" not in root.get(url, headers={"HX-Request": "true"}).content.decode()


def test_without_scripts_the_page_says_which_alerts_fire_and_that_nothing_was_asked(root):
    assert "Nothing was asked yet" in page(root, whole="1")
    for number in range(40):
        ask(timezone.now() - timedelta(minutes=5), status="FAILED" if number < 30 else "DONE")

    html = page(root, whole="1")

    assert "Questions get no answer" in html
    assert 'href="/admin/runbooks/error-rate/"' in html
