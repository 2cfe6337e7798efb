"""Evaluation runs in the admin: who may open which page, what it shows, and at what cost in queries."""

import importlib
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import PipelineConfig
from monitoring.models import EvaluationRun
from tests.factories import (
    make_collection,
    make_config,
    make_dataset,
    make_document,
    make_evaluation_item,
    make_item,
    make_run,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db

LIST = "admin:monitoring_evaluationrun_changelist"
ADD = "admin:monitoring_evaluationrun_add"


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def reviewer():
    return _member("reviewer")


@pytest.fixture
def operator():
    return _member("operator")


def _member(group: str):
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def _url(name: str, *arguments: int) -> str:
    return reverse(f"admin:monitoring_evaluationrun_{name}", args=arguments)


def _measured_run(values=(1.0, 0.5, 0.0), **overrides) -> EvaluationRun:
    """Return a finished run with an item for each value, whose reciprocal rank it is."""
    run = make_run(total_items=len(values), done_items=len(values), duration_seconds=2.5, **overrides)
    for value in values:
        item = make_item(dataset=run.dataset, relevant=[make_document()], split=run.split)
        scores = {"hit_rate": value and float(value > 0), "mrr": value, "ndcg": value}
        make_evaluation_item(scores, run=run, item=item, **_ranking(item, value))
    return run


def _ranking(item, value: float | None):
    """Return a ranking whose first relevant hit gives that reciprocal rank."""
    document = item.relevant.get().document
    other = make_document(texts=("Something else.",))
    place = round(1 / value) if value else 0
    found = [document if rank == place else other for rank in range(1, 4)]
    return {
        "chunk_ids": [one.chunks.get().pk for one in found],
        "document_ids": [one.pk for one in found],
        "hit_scores": [0.9, 0.8, 0.7],
        "chunk_grades": [int(one == document) for one in found],
    }


# Who may do what


@pytest.mark.parametrize("user", ["staff", "operator", "reviewer"])
def test_members_read_all_pages(client, request, user):
    run = _measured_run()
    item = run.items.first().item
    client.force_login(request.getfixturevalue(user))

    for url in (
        reverse(LIST),
        _url("report", run.pk),
        f"{_url('item', item.pk)}?run={run.pk}",
        f"{_url('progress')}?run={run.pk}",
        _url("going", run.pk),
        _url("history", run.pk),
    ):
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("page", ["changelist", "add", "report", "item", "compare", "progress", "going"])
def test_strangers_are_sent_to_sign_in_and_staff_without_a_group_is_refused(client, alice, page):
    run = _measured_run()
    ids = {"report": [run.pk], "going": [run.pk], "item": [run.items.first().item_id]}.get(page, [])
    url = f"{_url(page, *ids)}?run={run.pk}"

    assert client.get(url).status_code == 302
    client.force_login(alice)
    assert client.get(url).status_code == 302
    client.force_login(make_user(is_staff=True))
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("change", ["cancel", "resume", "make_default"])
def test_changes_want_post_and_a_permission(client, staff, reviewer, change):
    url = _url(change, make_run(status="CANCELLED").pk)

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
    run = _measured_run()
    going = make_run(status="RUNNING", total_items=2)
    client.force_login(reviewer)

    html = "".join(client.get(url).content.decode() for url in (_url("report", run.pk), _url("report", going.pk)))

    for words in ("Make default", "Run again", "Cancel", "Delete"):
        assert words not in html


def test_pages_are_only_read(admin):
    run = _measured_run()

    for url in (_url("report", run.pk), _url("item", run.items.first().item_id), _url("progress"), _url("compare")):
        assert admin.post(url).status_code == 405
    assert admin.get(_url("choose")).status_code == 405
    assert admin.get(_url("estimate")).status_code == 405


# The list


def test_list_shows_measures_with_their_intervals(admin):
    _measured_run([1.0, 1.0, 0.5, 0.0, None])

    html = admin.get(reverse(LIST)).content.decode()

    assert "0.625" in html  # MRR of the four that are scored
    assert "0.750" in html  # hit rate
    assert " to 0." in html
    assert "2.5 s" in html


def test_list_costs_the_same_however_long_it_is(admin, django_assert_num_queries):
    for _ in range(3):
        _measured_run()
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
    run = _measured_run([0.0, 0.0])
    assert admin.get(reverse(LIST)).context["cl"].result_list[0].figures.measures["mrr"].value == 0.0

    make_evaluation_item({"mrr": 1.0}, run=run)
    EvaluationRun.objects.filter(pk=run.pk).update(done_items=3)

    assert admin.get(reverse(LIST)).context["cl"].result_list[0].figures.measures["mrr"].n == 3


def test_list_asks_again_only_while_a_run_goes_on(admin):
    run = make_run(status="RUNNING", total_items=4, done_items=1)
    html = admin.get(reverse(LIST)).content.decode()
    assert f'hx-get="{_url("progress")}?run={run.pk}' in html

    EvaluationRun.objects.filter(pk=run.pk).update(status="DONE", done_items=4)
    answer = admin.get(f"{_url('progress')}?run={run.pk}").content.decode()

    assert "hx-get" not in answer
    assert f'id="run-{run.pk}-state" hx-swap-oob="true"' in answer
    assert "done" in answer


def test_empty_list_says_what_to_do(admin):
    html = admin.get(reverse(LIST)).content.decode()
    assert "make a dataset first" in html

    make_dataset()

    assert "Start an evaluation" in admin.get(reverse(LIST)).content.decode()


# Starting


def _form(dataset, *configs, **overrides):
    return {
        "dataset": dataset.pk, "split": "TEST", "configs": [config.pk for config in configs],
        "kind": "RETRIEVAL", "k": 5, "repeat": 1, **overrides,
    }  # fmt: skip


def test_start_makes_a_run_for_each_config_and_gives_it_to_the_worker(admin, staff, django_capture_on_commit_callbacks):
    dataset = make_dataset()
    make_item(dataset=dataset)
    fast, slow = make_config(), make_config()

    with django_capture_on_commit_callbacks(execute=True):
        response = admin.post(reverse(ADD), _form(dataset, fast, slow, k=7, repeat=2))

    assert response.url == reverse(LIST)
    runs = EvaluationRun.objects.order_by("pk")
    assert {run.config for run in runs} == {fast, slow}
    assert {(run.k, run.repeat, run.total_items, run.created_by) for run in runs} == {(7, 2, 2, staff)}
    assert sorted(row.task["args"] for row in OrmQ.objects.all()) == [(run.pk,) for run in runs]
    assert LogEntry.objects.filter(change_message="Started.").count() == 2


def test_one_run_opens_its_own_page(admin):
    dataset = make_dataset()
    make_item(dataset=dataset)

    response = admin.post(reverse(ADD), _form(dataset, make_config()))

    assert response.url == _url("report", EvaluationRun.objects.get().pk)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "CALIBRATION"}, "no items in split calibration"),
        ({"configs": []}, "This field is required."),
        ({"k": 51}, "less than or equal to 50"),
        ({"repeat": 0}, "greater than or equal to 1"),
        ({"round_trip": "on"}, "Retrieval has no answers to judge"),
    ],
)
def test_what_cannot_be_run_is_said_and_starts_nothing(admin, change, message):
    dataset = make_dataset()
    make_item(dataset=dataset)

    response = admin.post(reverse(ADD), _form(dataset, make_config(), make_config(), **change))

    assert response.status_code == 422
    assert message in response.content.decode()
    assert not EvaluationRun.objects.exists()


def test_estimate_follows_the_form(admin):
    dataset = make_dataset()
    for _ in range(3):
        make_item(dataset=dataset)
    form = _form(dataset, make_config(), make_config(model="openai/gpt-4o-mini"), kind="ANSWER", repeat=2)

    html = admin.post(_url("estimate"), form).content.decode()
    page = admin.post(reverse(ADD), form | {"estimate": "1"}).content.decode()

    for answer in (html, page):  # as it follows by htmx, and as the button does without
        assert "<dd>12</dd>" in answer
        assert "unknown" in answer
        assert "openai/gpt-4o-mini costs is not known" in answer
    assert not EvaluationRun.objects.exists()


def test_estimate_of_half_a_form_says_what_to_choose(admin):
    assert "Choose a dataset" in admin.post(_url("estimate"), {"k": 5}).content.decode()


def test_form_is_filled_in_from_a_run(admin):
    run = make_run(k=9, repeat=3)
    make_item(dataset=run.dataset)

    form = admin.get(f"{reverse(ADD)}?run={run.pk}").context["form"]

    assert (form["k"].value(), form["repeat"].value(), form["configs"].value()) == (9, 3, [run.config_id])


# Cancelling, resuming, choosing as the default


def test_waiting_run_is_cancelled_and_the_history_says_so(admin):
    run = make_run(status="QUEUED", total_items=4)

    response = admin.post(_url("cancel", run.pk))

    run.refresh_from_db()
    assert (response.url, run.status) == (_url("report", run.pk), "CANCELLED")
    assert "Cancelled." in admin.get(_url("history", run.pk)).content.decode()


def test_button_that_cancels_is_safe_from_forgery_and_works(staff):
    run = make_run(status="QUEUED", total_items=4)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    form = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
    pages = [browser.get(url).content.decode() for url in (_url("report", run.pk), _url("going", run.pk))]
    tokens = [form.search(page)[1] for page in pages]

    assert browser.post(_url("cancel", run.pk)).status_code == 403
    for token in tokens:
        assert browser.post(_url("cancel", run.pk), {"csrfmiddlewaretoken": token}).status_code == 302


def test_running_one_is_asked_to_stop(admin):
    run = make_run(status="RUNNING", total_items=4, heartbeat_at=timezone.now())

    admin.post(_url("cancel", run.pk))

    run.refresh_from_db()
    assert run.status == "RUNNING"
    assert run.cancel_requested_at is not None
    assert "Stopping" in admin.get(_url("going", run.pk)).content.decode()


def test_finished_run_cannot_be_cancelled(admin):
    run = make_run()

    response = admin.post(_url("cancel", run.pk), follow=True)

    assert "nothing to cancel" in response.content.decode()
    assert not LogEntry.objects.exists()


def test_cancelled_run_is_resumed(admin, django_capture_on_commit_callbacks):
    run = make_run(status="CANCELLED", total_items=4)
    assert "Resume" in admin.get(_url("report", run.pk)).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        admin.post(_url("resume", run.pk))

    run.refresh_from_db()
    assert run.status == "QUEUED"
    assert OrmQ.objects.count() == 1


def test_run_with_nothing_left_cannot_be_resumed(admin):
    run = make_run()

    assert "none of its items failed" in admin.post(_url("resume", run.pk), follow=True).content.decode()


def test_make_default_is_in_the_history_of_config_and_run(admin):
    make_config(is_default=True)
    run = make_run()

    admin.post(_url("make_default", run.pk))

    assert PipelineConfig.objects.get(is_default=True) == run.config
    config_history = admin.get(reverse("admin:chat_pipelineconfig_history", args=[run.config_id])).content.decode()
    assert f"Made the default, going by evaluation run {run.pk} on {run.dataset}." in config_history
    assert "Made its config" in admin.get(_url("history", run.pk)).content.decode()


# One run


def test_report_shows_values_intervals_numbers_and_what_is_unscored(admin):
    run = _measured_run([1.0, 0.5, 0.0, None])

    response = admin.get(_url("report", run.pk))
    tile = next(row for row in response.context["tiles"] if row.name == "mrr")

    assert (tile.interval.value, tile.interval.n, tile.unscored) == (0.5, 3, 1)
    assert "1: no verdict" in response.content.decode()
    assert "n = 3" in response.content.decode()


def test_report_counts_ranks_and_values(admin):
    run = _measured_run([1.0, 1.0, 0.5, 0.0])

    context = admin.get(_url("report", run.pk)).context

    assert [(bar.label, bar.count) for bar in context["rank_chart"].bars] == [("1", 2), ("2", 1), ("none", 1)]
    assert [(bar.label, bar.count) for bar in context["value_chart"].bars] == [("0", 1), ("0.5", 1), ("1", 2)]


def test_report_slices_by_the_chosen_measure(admin):
    run = make_run(total_items=2, done_items=2)
    collection = make_collection(name="pumps")
    for value, tags, relevant in ((1.0, ["typo"], make_document(collection=collection)), (0.0, [], make_document())):
        item = make_item(dataset=run.dataset, relevant=[relevant], tags=tags)
        make_evaluation_item({"mrr": 0.3, "ndcg": value}, run=run, item=item, **_ranking(item, value))

    tables = admin.get(f"{_url('report', run.pk)}?measure=ndcg").context["slice_tables"]
    rows = {row.label: row.interval.value for table in tables for row in table.rows}

    assert rows["typo"] == 1.0
    assert rows["pumps"] == 1.0


def test_worst_questions_come_first_page_by_page(admin):
    run = _measured_run([1.0] * 15 + [0.5] * 6)

    first = admin.get(_url("report", run.pk)).context
    last = admin.get(f"{_url('report', run.pk)}?page=2").context

    assert [row.value for row in first["worst"]] == [0.5] * 6 + [1.0] * 14
    assert [row.rank for row in first["worst"]][:7] == [2] * 6 + [1]
    assert len(last["worst"]) == 1


@pytest.mark.parametrize("query", ["measure=nonsense", "page=99", "page=x", "measure="])
def test_report_bears_any_address(admin, query):
    run = _measured_run()

    assert admin.get(f"{_url('report', run.pk)}?{query}").status_code == 200


def test_report_of_a_run_that_goes_on_shows_progress_and_what_is_there(admin):
    run = _measured_run([1.0, 0.0])
    EvaluationRun.objects.filter(pk=run.pk).update(status="RUNNING", total_items=10)

    html = admin.get(_url("report", run.pk)).content.decode()

    assert f'hx-get="{_url("going", run.pk)}"' in html
    assert "2 of 10" in html
    assert "0.500" in html


def test_progress_of_an_ended_run_loads_its_page_anew(admin):
    run = make_run()

    assert admin.get(_url("going", run.pk)).headers["HX-Refresh"] == "true"


def test_run_that_nobody_takes_up_says_where_to_look(admin):
    run = make_run(status="QUEUED", total_items=4)
    assert "It waits for a while" not in admin.get(_url("report", run.pk)).content.decode()

    EvaluationRun.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(minutes=2))

    assert "It waits for a while" in admin.get(_url("report", run.pk)).content.decode()
    assert "It waits for a while" in admin.get(_url("going", run.pk)).content.decode()


def test_failed_run_says_why(admin):
    run = make_run(status="FAILED", error="The embedder does not answer.", total_items=3)

    html = admin.get(_url("report", run.pk)).content.decode()

    assert "The embedder does not answer." in html
    assert "Resume" in html


def test_failed_items_are_named_first_and_asked_again(admin):
    run = _measured_run([1.0, 0.5])
    row = run.items.last()
    row.error = "The model does not answer."
    row.save(update_fields=["error"])

    response = admin.get(_url("report", run.pk))

    assert response.context["worst"][0].item.error == "The model does not answer."
    assert "1 item failed" in response.content.decode()
    assert "Resume" in response.content.decode()
    assert "Resume" not in admin.get(_url("report", _measured_run().pk)).content.decode()


def test_missing_run_is_not_found(admin):
    for name in ("report", "going"):
        assert admin.get(_url(name, 12345)).status_code == 404
    assert admin.get(f"{reverse(LIST)}nonsense/change/").status_code == 404
    assert admin.get(f"{reverse(LIST)}report/change/").status_code == 404
    for name in ("cancel", "resume", "make_default"):
        assert admin.post(_url(name, 12345)).status_code == 404


def test_report_costs_the_same_however_many_items_there_are(admin, django_assert_max_num_queries):
    run = _measured_run([1.0, 0.5, 0.0] * 8)
    admin.get(_url("report", run.pk))

    with django_assert_max_num_queries(16):
        admin.get(_url("report", run.pk))


def test_run_is_deleted_with_its_results_by_superusers_only(client, admin, operator):
    run = _measured_run()
    url = _url("delete", run.pk)
    assert "results: 3" in admin.get(url).content.decode().lower()

    client.force_login(operator)
    assert client.post(url, {"post": "yes"}).status_code == 403
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.post(url, {"post": "yes"})

    assert not EvaluationRun.objects.exists()


# One question


def test_item_shows_question_expected_answer_and_hits_with_the_relevant_ones_marked(admin):
    run = make_run(k=1)
    document = make_document(("The green button starts it.",), title="Pump manual")
    item = make_item(dataset=run.dataset, relevant=[document], expected_answer="The green one.", tags=["how-to"])
    make_evaluation_item({"mrr": 0.5, "similarity": None}, run=run, item=item, **_ranking(item, 0.5))

    response = admin.get(f"{_url('item', item.pk)}?run={run.pk}")
    html = response.content.decode()
    (column,) = response.context["columns"]

    for words in (item.question, "The green one.", "Pump manual", "how-to", "no verdict", "k = 1"):
        assert words in html
    assert [(hit.rank, hit.grade, hit.is_cut) for hit in column.hits] == [(1, 0, False), (2, 1, True), (3, 0, False)]
    assert column.found_at == 2
    assert f"/documents/{document.pk}/?chunk={document.chunks.get().pk}" in column.hits[1].url


def test_item_puts_rankings_of_two_runs_side_by_side(admin):
    first, second = make_run(), None
    second = make_run(dataset=first.dataset)
    item = make_item(dataset=first.dataset, relevant=[make_document()])
    make_evaluation_item(run=first, item=item, **_ranking(item, 1.0))
    make_evaluation_item(run=second, item=item, **_ranking(item, 0.5))

    context = admin.get(f"{_url('item', item.pk)}?run={first.pk}&run={second.pk}").context

    assert [column.run for column in context["columns"]] == [first, second]
    assert context["columns"][0].hits[0].elsewhere == (f"{second.config}: rank 2",)


def test_item_survives_documents_and_chunks_that_are_gone(admin):
    run = make_run()
    document = make_document()
    item = make_item(dataset=run.dataset, relevant=[document])
    make_evaluation_item(run=run, item=item, **_ranking(item, 1.0))
    document.delete()

    html = admin.get(f"{_url('item', item.pk)}?run={run.pk}").content.decode()

    assert "the document is gone" in html
    assert document.source_id in html


def test_answer_is_shown_with_its_scores_and_a_link_to_its_turn(admin):
    run = make_run(kind="ANSWER")
    turn = make_turn(answer="Press the **green** button.")
    item = make_item(dataset=run.dataset)
    make_evaluation_item({"rouge_l": 0.4}, run=run, item=item, turn=turn)

    html = admin.get(f"{_url('item', item.pk)}?run={run.pk}").content.decode()

    assert "<strong>green</strong>" in html
    assert reverse("admin:chat_turn_change", args=[turn.pk]) in html
    assert "0.400" in html


def test_item_shows_the_repetition_that_is_asked_for(admin):
    run = make_run(repeat=2)
    item = make_item(dataset=run.dataset)
    make_evaluation_item({"mrr": 1.0}, run=run, item=item)
    make_evaluation_item({"mrr": 0.25}, run=run, item=item, repetition=2)

    context = admin.get(f"{_url('item', item.pk)}?run={run.pk}&repetition=2").context

    assert context["columns"][0].row.repetition == 2
    assert context["columns"][0].repetitions == (1, 2)


def test_item_without_a_run_or_of_another_dataset_is_not_found(admin):
    item = make_item()

    assert admin.get(_url("item", item.pk)).status_code == 404
    assert admin.get(f"{_url('item', item.pk)}?run={make_run().pk}").status_code == 404


def test_item_costs_the_same_however_many_hits_there_are(admin, django_assert_max_num_queries):
    run = make_run()
    item = make_item(dataset=run.dataset, relevant=[make_document()])
    make_evaluation_item({"mrr": 1.0}, run=run, item=item, **_ranking(item, 1.0))
    url = f"{_url('item', item.pk)}?run={run.pk}"
    admin.get(url)

    with django_assert_max_num_queries(14):
        admin.get(url)


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
