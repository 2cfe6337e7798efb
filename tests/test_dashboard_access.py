"""The dashboard: who sees it, which alerts they see on it, and who orders demo data."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import Budget, BudgetMonth
from chat.models.budget import this_month
from tests.dashboard_world import DAY, INDEX, ask, page, part, tile, world
from tests.factories import make_conversation, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, staff):
    client.force_login(staff)
    return client


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
    assert 'href="/admin/runbooks/error-rate/"' in html


def test_alerts_of_budgets_are_for_those_who_may_see_budgets(client):
    """Reviewers see the dashboard; what is spent of a budget is not for them."""
    budget = Budget.objects.create(monthly_usd="100")
    BudgetMonth.objects.create(budget=budget, month=this_month(), spent_usd="92.50")
    shown = {}
    for group in ("reviewer", "operator"):
        user = make_user(is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        shown[group] = client.get(reverse("dashboard:alerts")).content.decode() + page(client, whole="1")

    assert "A budget is nearly used up" in shown["operator"]
    assert "$92.50 of $100.00" in shown["operator"]
    assert "udget is nearly" not in shown["reviewer"]
    assert "92.50" not in shown["reviewer"]


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
