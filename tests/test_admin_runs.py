"""Evaluation runs in the admin: who may open which page, the list, and at what cost in queries."""

import importlib
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection
from django.urls import reverse

from monitoring.models import EvaluationRun
from tests.admin_runs import ADD, LIST, measured_run, member, page_of
from tests.factories import make_dataset, make_evaluation_item, make_run, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def reviewer():
    return member("reviewer")


@pytest.fixture
def operator():
    return member("operator")


# Who may do what


@pytest.mark.parametrize("user", ["staff", "operator", "reviewer"])
def test_members_read_all_pages(client, request, user):
    run = measured_run()
    item = run.items.first().item
    client.force_login(request.getfixturevalue(user))

    for url in (
        reverse(LIST),
        page_of("report", run.pk),
        f"{page_of('item', item.pk)}?run={run.pk}",
        f"{page_of('progress')}?run={run.pk}",
        page_of("going", run.pk),
        page_of("history", run.pk),
    ):
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("page", ["changelist", "add", "report", "item", "compare", "progress", "going"])
def test_strangers_are_sent_to_sign_in_and_staff_without_a_group_is_refused(client, alice, page):
    run = measured_run()
    ids = {"report": [run.pk], "going": [run.pk], "item": [run.items.first().item_id]}.get(page, [])
    url = f"{page_of(page, *ids)}?run={run.pk}"

    assert client.get(url).status_code == 302
    client.force_login(alice)
    assert client.get(url).status_code == 302
    client.force_login(make_user(is_staff=True))
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("change", ["cancel", "resume", "make_default"])
def test_changes_want_post_and_a_permission(client, staff, reviewer, change):
    url = page_of(change, make_run(status="CANCELLED").pk)

    client.force_login(staff)
    assert client.get(url).status_code == 405
    client.force_login(reviewer)
    assert client.post(url).status_code == 403
    assert client.post(reverse(ADD)).status_code == 403


def test_navigation_shows_evaluation_to_those_who_may_see_it(client, reviewer):
    client.force_login(reviewer)
    html = client.get(reverse("admin:index")).content.decode()
    assert f'href="{reverse(LIST)}"' in html
    assert f'href="{reverse("admin:monitoring_dataset_changelist")}"' in html

    client.force_login(make_user(is_staff=True))
    assert f'href="{reverse(LIST)}"' not in client.get(reverse("admin:index")).content.decode()


def test_reviewer_is_offered_nothing_that_they_may_not_do(client, reviewer):
    run = measured_run()
    going = make_run(status="RUNNING", total_items=2)
    client.force_login(reviewer)

    html = "".join(client.get(url).content.decode() for url in (page_of("report", run.pk), page_of("report", going.pk)))

    for words in ("Make default", "Run again", "Cancel", "Delete"):
        assert words not in html


def test_pages_are_only_read(admin):
    run = measured_run()

    for url in (
        page_of("report", run.pk),
        page_of("item", run.items.first().item_id),
        page_of("progress"),
        page_of("compare"),
    ):
        assert admin.post(url).status_code == 405
    assert admin.get(page_of("choose")).status_code == 405
    assert admin.get(page_of("estimate")).status_code == 405


# The list


def test_list_shows_measures_with_their_intervals(admin):
    measured_run([1.0, 1.0, 0.5, 0.0, None])

    html = admin.get(reverse(LIST)).content.decode()

    assert "0.625" in html  # MRR of the four that are scored
    assert "0.750" in html  # hit rate
    assert " to 0." in html
    assert "2.5 s" in html


def test_list_costs_the_same_however_long_it_is(admin, django_assert_num_queries):
    for _ in range(3):
        measured_run()
    make_run(status="RUNNING", total_items=9)
    admin.get(reverse(LIST))

    # session, user, number of runs, runs, their kept figures, what two filters offer, whether there are datasets
    with django_assert_num_queries(8):
        admin.get(reverse(LIST))


def test_unmeasured_run_shows_dashes_and_never_zero(admin):
    make_run(status="FAILED", total_items=3)

    html = admin.get(reverse(LIST)).content.decode()

    assert "0.000" not in html
    assert "0 of 3" in html


def test_answer_run_shows_its_cost_and_unknown_for_unknown(admin):
    make_run(kind="ANSWER", cost_usd=Decimal("0.0213"))
    make_run(kind="ANSWER", cost_usd=Decimal("0.5"), unpriced_calls=1)
    make_run(kind="ANSWER", status="RUNNING", total_items=9, cost_usd=Decimal("0.007"))

    html = admin.get(reverse(LIST)).content.decode()

    assert "$0.0213" in html
    assert "unknown cost" in html
    assert "$0.50" not in html
    assert "$0.007" in html  # so far


def test_resumed_run_gets_new_figures(admin):
    run = measured_run([0.0, 0.0])
    assert admin.get(reverse(LIST)).context["cl"].result_list[0].figures.measures["mrr"].value == 0.0

    make_evaluation_item({"mrr": 1.0}, run=run)
    EvaluationRun.objects.filter(pk=run.pk).update(done_items=3)

    assert admin.get(reverse(LIST)).context["cl"].result_list[0].figures.measures["mrr"].n == 3


def test_list_asks_again_only_while_a_run_goes_on(admin):
    run = make_run(status="RUNNING", total_items=4, done_items=1)
    html = admin.get(reverse(LIST)).content.decode()
    assert f'hx-get="{page_of("progress")}?run={run.pk}' in html

    EvaluationRun.objects.filter(pk=run.pk).update(status="DONE", done_items=4)
    answer = admin.get(f"{page_of('progress')}?run={run.pk}").content.decode()

    assert "hx-get" not in answer
    assert f'id="run-{run.pk}-state" hx-swap-oob="true"' in answer
    assert "done" in answer


def test_empty_list_says_what_to_do(admin):
    html = admin.get(reverse(LIST)).content.decode()
    assert "make a dataset first" in html

    make_dataset()

    assert "Start an evaluation" in admin.get(reverse(LIST)).content.decode()


# Groups


def _permissions(group: str) -> set[str]:
    """What a group may do with datasets and evaluations."""
    models = ["dataset", "datasetversion", "datasetitem", "relevantdocument"]
    models += ["evaluationrun", "evaluationitem", "itemscore"]
    permissions = Group.objects.get(name=group).permissions.filter(
        content_type__app_label="monitoring", content_type__model__in=models
    )
    return set(permissions.values_list("codename", flat=True))


def test_groups_have_their_permissions():
    reviewer, operator = _permissions("reviewer"), _permissions("operator")

    assert reviewer == {
        "view_dataset", "view_datasetversion", "view_datasetitem", "view_relevantdocument",
        "view_evaluationrun", "view_evaluationitem", "view_itemscore", "add_datasetitem",
    }  # fmt: skip
    assert reviewer < operator
    assert {"add_evaluationrun", "change_evaluationrun", "add_dataset", "change_dataset"} < operator
    assert not {"change_evaluationitem", "delete_evaluationrun", "delete_dataset"} & operator


def test_groups_migration_goes_back_and_forth():
    migration = importlib.import_module("monitoring.migrations.0002_groups")

    with connection.schema_editor() as editor:
        migration.forbid(apps, editor)
        assert _permissions("operator") == set()
        migration.permit(apps, editor)

    assert len(_permissions("operator")) == 17
