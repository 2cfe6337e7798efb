"""Runbooks and the handbook in the admin: for staff, from the files that are there and from no others."""

import re

import pytest
from django.urls import reverse

from monitoring.alerts import RULES
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client):
    """Staff without any permission: runbooks hold no data."""
    client.force_login(make_user(is_staff=True))
    return client


def test_each_alert_has_its_page_and_the_list_leads_there(member):
    listed = member.get(reverse("runbooks:list")).content.decode()

    for rule in RULES:
        url = f"/admin/runbooks/{rule.runbook}/"
        assert f'href="{url}"' in listed
        html = member.get(url).content.decode()
        assert rule.title in html
        assert "What does the alert measure?" in html
    assert 'href="/admin/runbooks/site-down/"' in listed  # which Prometheus alone tells of


def test_links_of_a_runbook_lead_to_pages_that_are_there(member):
    html = member.get("/admin/runbooks/budget-used/").content.decode()

    assert '<a href="/admin/runbooks/cost-spike/"' in html
    assert '<a href="/admin/handbook/costs-and-budgets/"' in html
    assert (
        '<a href="/admin/handbook/metrics/#traffic-and-errors"'
        in member.get("/admin/runbooks/error-rate/").content.decode()
    )
    handbook = member.get("/admin/handbook/metrics/").content.decode()
    assert 'id="traffic-and-errors"' in handbook
    for url in set(re.findall(r'href="(/admin/(?:handbook|runbooks)/[\w-]+/)', handbook + html)):
        assert member.get(url).status_code == 200, url


@pytest.mark.parametrize(
    "path",
    [
        "runbooks/nonsense/",
        "runbooks/metrics/",
        "runbooks/../metrics/",
        "runbooks/..%2Fmetrics/",
        "runbooks/%2e%2e%2fmetrics/",
        "runbooks/error-rate.md/",
        "runbooks/..%5c..%5cREADME/",
        "handbook/runbooks/error-rate/",
        "handbook/%2Fetc%2Fpasswd/",
    ],
)
def test_no_other_file_can_be_read(member, path):
    assert member.get(f"/admin/{path}").status_code == 404


def test_pages_are_for_staff_and_are_only_read(client, member, alice):
    urls = ["/admin/runbooks/", "/admin/runbooks/error-rate/", "/admin/handbook/alerts/"]
    assert [member.post(url).status_code for url in urls] == [405, 405, 405]
    client.force_login(alice)
    assert [client.get(url).status_code for url in urls] == [302, 302, 302]
    client.logout()
    assert [client.get(url).status_code for url in urls] == [302, 302, 302]
