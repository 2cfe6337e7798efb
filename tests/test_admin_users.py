"""The list of users in the admin: people, without those of synthetic traffic unless asked for."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from chat.models import Budget
from tests.factories import make_user

pytestmark = pytest.mark.django_db

LIST = "admin:auth_user_changelist"


@pytest.fixture
def root(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def made_up():
    """Two users of synthetic traffic, and a person who chose a name like theirs."""
    for name in ("synthetic-0001", "synthetic-reviewer"):
        get_user_model().objects.create(username=name, password="!", is_active=False)
    make_user(username="synthetic-person")


def names(client, **parameters) -> list[str]:
    return [user.username for user in client.get(reverse(LIST), parameters).context["cl"].result_list]


def test_made_up_users_are_left_out_and_the_page_says_so(root, staff, alice, made_up):
    html = root.get(reverse(LIST)).content.decode()

    assert names(root) == sorted([alice.username, staff.username, "synthetic-person"])
    assert "2 users of demo data and other synthetic traffic are left out." in html
    assert '<a class="text-link" href="?made_up=only">Show them</a>' in html
    assert "Left out" in html


def test_they_are_listed_where_asked_for(root, staff, made_up):
    assert names(root, made_up="only") == ["synthetic-0001", "synthetic-reviewer"]
    assert len(names(root, made_up="with")) == 4
    assert "Leave them out" in root.get(reverse(LIST), {"made_up": "only"}).content.decode()
    user = get_user_model().objects.get(username="synthetic-0001")
    assert root.get(reverse("admin:auth_user_change", args=[user.pk])).status_code == 200


def test_without_any_the_page_says_nothing_of_them(root):
    assert "other synthetic traffic" not in root.get(reverse(LIST)).content.decode()


def test_a_budget_is_not_for_a_made_up_user(root, made_up):
    values = {"scope": "USER", "user": "synthetic-0001", "monthly_usd": "20", "contact": ""}

    response = root.post(reverse("admin:chat_budget_add"), values)

    assert "There is no user &quot;synthetic-0001&quot;." in response.content.decode()
    assert not Budget.objects.exists()
