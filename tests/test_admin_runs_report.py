"""The page of an evaluation run, and of one question of it: what it shows, and at what cost in queries."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from monitoring.models import EvaluationRun
from tests.admin_runs import LIST, measured_run, member, page_of, ranking
from tests.factories import (
    make_collection,
    make_document,
    make_evaluation_item,
    make_item,
    make_run,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def operator():
    return member("operator")


# One run


def test_report_shows_values_intervals_numbers_and_what_is_unscored(admin):
    run = measured_run([1.0, 0.5, 0.0, None])

    response = admin.get(page_of("report", run.pk))
    tile = next(row for row in response.context["tiles"] if row.name == "mrr")

    assert (tile.interval.value, tile.interval.n, tile.unscored) == (0.5, 3, 1)
    assert "1: no verdict" in response.content.decode()
    assert "n = 3" in response.content.decode()


def test_report_counts_ranks_and_values(admin):
    run = measured_run([1.0, 1.0, 0.5, 0.0])

    context = admin.get(page_of("report", run.pk)).context

    assert [(bar.label, bar.count) for bar in context["rank_chart"].bars] == [("1", 2), ("2", 1), ("none", 1)]
    assert [(bar.label, bar.count) for bar in context["value_chart"].bars] == [("0", 1), ("0.5", 1), ("1", 2)]


def test_report_slices_by_the_chosen_measure(admin):
    run = make_run(total_items=2, done_items=2)
    collection = make_collection(name="pumps")
    for value, tags, relevant in ((1.0, ["typo"], make_document(collection=collection)), (0.0, [], make_document())):
        item = make_item(dataset=run.dataset, relevant=[relevant], tags=tags)
        make_evaluation_item({"mrr": 0.3, "ndcg": value}, run=run, item=item, **ranking(item, value))

    tables = admin.get(f"{page_of('report', run.pk)}?measure=ndcg").context["slice_tables"]
    rows = {row.label: row.interval.value for table in tables for row in table.rows}

    assert rows["typo"] == 1.0
    assert rows["pumps"] == 1.0


def test_worst_questions_come_first_page_by_page(admin):
    run = measured_run([1.0] * 15 + [0.5] * 6)

    first = admin.get(page_of("report", run.pk)).context
    last = admin.get(f"{page_of('report', run.pk)}?page=2").context

    assert [row.value for row in first["worst"]] == [0.5] * 6 + [1.0] * 14
    assert [row.rank for row in first["worst"]][:7] == [2] * 6 + [1]
    assert len(last["worst"]) == 1


@pytest.mark.parametrize("query", ["measure=nonsense", "page=99", "page=x", "measure="])
def test_report_bears_any_address(admin, query):
    run = measured_run()

    assert admin.get(f"{page_of('report', run.pk)}?{query}").status_code == 200


def test_report_of_a_run_that_goes_on_shows_progress_and_what_is_there(admin):
    run = measured_run([1.0, 0.0])
    EvaluationRun.objects.filter(pk=run.pk).update(status="RUNNING", total_items=10)

    html = admin.get(page_of("report", run.pk)).content.decode()

    assert f'hx-get="{page_of("going", run.pk)}"' in html
    assert "2 of 10" in html
    assert "0.500" in html


def test_progress_of_an_ended_run_loads_its_page_anew(admin):
    run = make_run()

    assert admin.get(page_of("going", run.pk)).headers["HX-Refresh"] == "true"


def test_run_that_nobody_takes_up_says_where_to_look(admin):
    run = make_run(status="QUEUED", total_items=4)
    assert "It waits for a while" not in admin.get(page_of("report", run.pk)).content.decode()

    EvaluationRun.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(minutes=2))

    assert "It waits for a while" in admin.get(page_of("report", run.pk)).content.decode()
    assert "It waits for a while" in admin.get(page_of("going", run.pk)).content.decode()


def test_failed_run_says_why(admin):
    run = make_run(status="FAILED", error="The embedder does not answer.", total_items=3)

    html = admin.get(page_of("report", run.pk)).content.decode()

    assert "The embedder does not answer." in html
    assert "Resume" in html


def test_failed_items_are_named_first_and_asked_again(admin):
    run = measured_run([1.0, 0.5])
    row = run.items.last()
    row.error = "The model does not answer."
    row.save(update_fields=["error"])

    response = admin.get(page_of("report", run.pk))

    assert response.context["worst"][0].item.error == "The model does not answer."
    assert "1 item failed" in response.content.decode()
    assert "Resume" in response.content.decode()
    assert "Resume" not in admin.get(page_of("report", measured_run().pk)).content.decode()


def test_missing_run_is_not_found(admin):
    for name in ("report", "going"):
        assert admin.get(page_of(name, 12345)).status_code == 404
    assert admin.get(f"{reverse(LIST)}nonsense/change/").status_code == 404
    assert admin.get(f"{reverse(LIST)}report/change/").status_code == 404
    for name in ("cancel", "resume", "make_default"):
        assert admin.post(page_of(name, 12345)).status_code == 404


def test_report_costs_the_same_however_many_items_there_are(admin, django_assert_max_num_queries):
    run = measured_run([1.0, 0.5, 0.0] * 8)
    admin.get(page_of("report", run.pk))

    with django_assert_max_num_queries(16):
        admin.get(page_of("report", run.pk))


def test_run_is_deleted_with_its_results_by_superusers_only(client, admin, operator):
    run = measured_run()
    url = page_of("delete", run.pk)
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
    make_evaluation_item({"mrr": 0.5, "similarity": None}, run=run, item=item, **ranking(item, 0.5))

    response = admin.get(f"{page_of('item', item.pk)}?run={run.pk}")
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
    make_evaluation_item(run=first, item=item, **ranking(item, 1.0))
    make_evaluation_item(run=second, item=item, **ranking(item, 0.5))

    context = admin.get(f"{page_of('item', item.pk)}?run={first.pk}&run={second.pk}").context

    assert [column.run for column in context["columns"]] == [first, second]
    assert context["columns"][0].hits[0].elsewhere == (f"{second.config}: rank 2",)


def test_item_survives_documents_and_chunks_that_are_gone(admin):
    run = make_run()
    document = make_document()
    item = make_item(dataset=run.dataset, relevant=[document])
    make_evaluation_item(run=run, item=item, **ranking(item, 1.0))
    document.delete()

    html = admin.get(f"{page_of('item', item.pk)}?run={run.pk}").content.decode()

    assert "the document is gone" in html
    assert document.source_id in html


def test_answer_is_shown_with_its_scores_and_a_link_to_its_turn(admin):
    run = make_run(kind="ANSWER")
    turn = make_turn(answer="Press the **green** button.")
    item = make_item(dataset=run.dataset)
    make_evaluation_item({"rouge_l": 0.4}, run=run, item=item, turn=turn)

    html = admin.get(f"{page_of('item', item.pk)}?run={run.pk}").content.decode()

    assert "<strong>green</strong>" in html
    assert reverse("admin:chat_turn_change", args=[turn.pk]) in html
    assert "0.400" in html


def test_item_shows_the_repetition_that_is_asked_for(admin):
    run = make_run(repeat=2)
    item = make_item(dataset=run.dataset)
    make_evaluation_item({"mrr": 1.0}, run=run, item=item)
    make_evaluation_item({"mrr": 0.25}, run=run, item=item, repetition=2)

    context = admin.get(f"{page_of('item', item.pk)}?run={run.pk}&repetition=2").context

    assert context["columns"][0].row.repetition == 2
    assert context["columns"][0].repetitions == (1, 2)


def test_item_without_a_run_or_of_another_dataset_is_not_found(admin):
    item = make_item()

    assert admin.get(page_of("item", item.pk)).status_code == 404
    assert admin.get(f"{page_of('item', item.pk)}?run={make_run().pk}").status_code == 404


def test_item_costs_the_same_however_many_hits_there_are(admin, django_assert_max_num_queries):
    run = make_run()
    item = make_item(dataset=run.dataset, relevant=[make_document()])
    make_evaluation_item({"mrr": 1.0}, run=run, item=item, **ranking(item, 1.0))
    url = f"{page_of('item', item.pk)}?run={run.pk}"
    admin.get(url)

    with django_assert_max_num_queries(14):
        admin.get(url)
