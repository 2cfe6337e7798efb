"""Evaluation runs by the API: starting, progress, cancelling, resuming, results and comparison."""

from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django_q.models import OrmQ

from chat.services.spending import recount
from monitoring.models import EvaluationRun
from tests.admin_runs import measured_run, ranking
from tests.api_clients import api_client
from tests.budgeted import make_budget
from tests.factories import make_call, make_config, make_dataset, make_evaluation_item, make_item, make_run, make_turn
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/evaluation-runs/"
Status = EvaluationRun.Status


@pytest.fixture
def client():
    return api_client(make_member("operator"))


def dataset_of(number=2):
    dataset = make_dataset()
    for _ in range(number):
        make_item(dataset=dataset)
    return dataset


def start(client, dataset, *configs, address=RUNS, **body):
    return client.post(
        address,
        {"dataset": dataset.pk, "configs": [config.pk for config in configs], "split": "TEST", **body},
        format="json",
    )


def test_run_is_started_for_each_config_and_given_to_the_worker(client, django_capture_on_commit_callbacks):
    configs = [make_config(), make_config()]

    with django_capture_on_commit_callbacks(execute=True):
        response = start(client, dataset_of(), *configs, repeat=3)

    assert response.status_code == 201, response.content
    runs = response.json()["results"]
    assert [(run["config"], run["status"], run["total_items"]) for run in runs] == [
        (config.pk, "QUEUED", 6) for config in configs
    ]
    assert OrmQ.objects.count() == 2
    assert LogEntry.objects.filter(change_message="Started.").count() == 2
    assert client.get(f"{RUNS}{runs[0]['id']}/").json()["done_items"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"split": "MOON"}, 400),
        ({"configs": []}, 400),
        ({"configs": [987654]}, 400),
        ({"k": 51}, 400),
        ({"repeat": 0}, 400),
        ({"version": 9}, 422),
        ({"split": "DEV"}, 422),
        ({"judge_model": "a/model"}, 422),
        ({"kind": "ANSWER", "judge_model": "no-such-server/model"}, 422),
    ],
)
def test_what_cannot_be_run_starts_nothing(client, body, status):
    response = start(client, dataset_of(), make_config(), **body)

    assert response.status_code == status, response.content
    assert not EvaluationRun.objects.exists()


def test_estimate_says_size_and_cost_or_that_it_is_unknown(client):
    paid = make_config(model="openai/gpt-4o-mini")
    make_call(turn=make_turn(model=paid.model, cost_usd=Decimal("0.01")))
    unknown = make_config(model="openai/other")

    known = start(client, dataset_of(), paid, address=f"{RUNS}estimate/", kind="ANSWER").json()
    other = start(client, dataset_of(), paid, unknown, address=f"{RUNS}estimate/", kind="ANSWER").json()

    assert (known["items"], known["asked"], Decimal(known["cost_usd"])) == (2, 2, Decimal("0.02"))
    assert (other["asked"], other["cost_usd"], other["unknown"]) == (4, None, ["openai/other"])
    assert not EvaluationRun.objects.exists()


def test_run_over_budget_is_refused(client):
    paid = make_config(model="openai/gpt-4o-mini")
    make_call(turn=make_turn(model=paid.model), cost_usd=Decimal(2))
    recount(make_budget("1.00"))

    assert_problem(start(client, dataset_of(), paid, kind="ANSWER"), 422, "evaluation")


def test_runs_are_listed_with_few_queries(client, django_assert_max_num_queries):
    runs = [make_run() for _ in range(3)]
    failed = make_run(status=Status.FAILED, error="It failed.", unpriced_calls=1)

    with django_assert_max_num_queries(6):
        rows = client.get(RUNS).json()["results"]

    assert [row["id"] for row in rows] == [failed.pk, *(run.pk for run in reversed(runs))]
    assert (rows[0]["cost_usd"], rows[1]["cost_usd"]) == (None, "0.00000000")
    assert [row["id"] for row in client.get(RUNS, {"status": "FAILED"}).json()["results"]] == [failed.pk]
    assert_problem(client.get(RUNS, {"status": "LOST"}), 400, "invalid")


def test_run_is_cancelled_and_resumed(client, django_capture_on_commit_callbacks):
    run = make_run(status=Status.QUEUED, total_items=2)

    cancelled = client.post(f"{RUNS}{run.pk}/cancel/")
    with django_capture_on_commit_callbacks(execute=True):
        resumed = client.post(f"{RUNS}{run.pk}/resume/")

    assert (cancelled.json()["status"], resumed.json()["status"]) == ("CANCELLED", "QUEUED")
    assert OrmQ.objects.count() == 1
    assert_problem(client.post(f"{RUNS}{make_run().pk}/cancel/"), 409, "finished")
    assert_problem(client.post(f"{RUNS}{make_run().pk}/resume/"), 422, "evaluation")


def test_results_have_interval_n_and_what_is_unscored(client):
    run = measured_run((1.0, 0.5, 0.0))
    make_evaluation_item({"mrr": None}, run=run)

    results = client.get(f"{RUNS}{run.pk}/results/").json()

    mrr = next(measure for measure in results["measures"] if measure["name"] == "mrr")
    assert (mrr["interval"]["value"], mrr["interval"]["n"], mrr["unscored"]) == (0.5, 3, 1)
    assert mrr["interval"]["low"] < 0.5 < mrr["interval"]["high"]
    assert mrr["reasons"] == {"no verdict": 1}
    assert results["items"] == 4


def test_results_that_one_has_are_not_sent_again(client):
    run = measured_run((1.0, 0.5))
    for address in (f"{RUNS}{run.pk}/", f"{RUNS}{run.pk}/results/"):
        etag = client.get(address)["ETag"]

        assert client.get(address, headers={"If-None-Match": etag}).status_code == 304


def test_items_of_a_run_come_with_rankings_and_scores(client, django_assert_max_num_queries):
    run = measured_run((1.0, 0.5, 0.0))

    with django_assert_max_num_queries(8):
        rows = client.get(f"{RUNS}{run.pk}/items/").json()["results"]

    assert [len(row["chunk_ids"]) for row in rows] == [3, 3, 3]
    assert rows[0]["chunk_grades"] == [1, 0, 0]
    assert {score["name"]: score["value"] for score in rows[1]["scores"]} == {"hit_rate": 1.0, "mrr": 0.5, "ndcg": 0.5}


def test_runs_are_compared_item_by_item(client):
    baseline = measured_run((0.0, 0.5, 0.0))
    candidate = make_run(dataset=baseline.dataset, total_items=3)
    for row in baseline.items.select_related("item"):
        scores = {"hit_rate": 1.0, "mrr": 1.0, "ndcg": 1.0}
        make_evaluation_item(scores, run=candidate, item=row.item, **ranking(row.item, 1.0))

    compared = client.get(f"{RUNS}compare/?run={baseline.pk}&run={candidate.pk}").json()

    assert compared["baseline"]["id"] == baseline.pk
    [one] = compared["candidates"]
    mrr = next(measure for measure in one["measures"] if measure["name"] == "mrr")
    assert (mrr["won"], mrr["lost"], mrr["tied"], one["common_items"]) == (3, 0, 0, 3)
    assert mrr["difference"]["value"] == pytest.approx(1 - 0.5 / 3)
    assert mrr["outcome"] in ("better", "no difference")


@pytest.mark.parametrize("query", ["", "?run=1", "?run=x&run=y", "?run=987654&run=987655"])
def test_comparison_of_what_is_no_run_is_refused(client, query):
    assert_problem(client.get(f"{RUNS}compare/{query}"), 400, "invalid")


def test_runs_on_other_questions_are_not_compared(client):
    address = f"{RUNS}compare/?run={make_run().pk}&run={make_run().pk}"

    assert_problem(client.get(address), 422, "evaluation")


def test_runs_are_for_who_may_see_and_start_them(alice):
    run = make_run()
    reviewer = api_client(make_member("reviewer"))

    assert_problem(api_client().get(RUNS), 401, "not_authenticated")
    assert_problem(api_client(alice).get(f"{RUNS}{run.pk}/results/"), 403, "permission_missing")
    assert reviewer.get(f"{RUNS}{run.pk}/").status_code == 200
    assert_problem(start(reviewer, dataset_of(), make_config()), 403, "permission_missing")
    assert_problem(reviewer.post(f"{RUNS}{run.pk}/cancel/"), 403, "permission_missing")
    assert_problem(start(api_client(make_member("operator"), ["read"]), dataset_of()), 403, "scope_missing")
    assert_problem(reviewer.get(f"{RUNS}987654/"), 404, "not_found")
