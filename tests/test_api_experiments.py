"""Experiments by the API: what is divided, what is known, and who may start, stop and conclude."""

import pytest
from django.contrib.auth.models import Permission

from chat.models import PipelineConfig
from monitoring.experiments.results import latest_results
from monitoring.models import Experiment
from tests.api_clients import api_client
from tests.experimented import make_draft, make_experiment, variant
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
EXPERIMENTS = "/api/v1/experiments/"


@pytest.fixture
def client():
    return api_client(make_member("operator"))


def post(client, experiment, what, **body):
    return client.post(f"{EXPERIMENTS}{experiment.pk}/{what}/", body, format="json")


def test_experiments_are_listed_with_variants(client, django_assert_max_num_queries):
    draft, running = make_draft(), make_experiment()

    with django_assert_max_num_queries(10):
        rows = client.get(EXPERIMENTS).json()["results"]

    assert [row["id"] for row in rows] == [running.pk, draft.pk]
    assert [(one["name"], one["share"], one["is_control"]) for one in rows[0]["variants"]] == [
        ("A", 0.5, True),
        ("B", 0.5, False),
    ]
    assert [row["id"] for row in client.get(EXPERIMENTS, {"status": "DRAFT"}).json()["results"]] == [draft.pk]
    assert_problem(client.get(EXPERIMENTS, {"status": "LOST"}), 400, "invalid")


def test_experiment_is_started_stopped_and_concluded(client):
    experiment = make_draft()

    started = post(client, experiment, "start")
    again = post(client, experiment, "start")
    stopped = post(client, experiment, "stop", reason="Enough is known.")
    empty = post(client, experiment, "conclude", text="")
    concluded = post(client, experiment, "conclude", text="None is better.")

    assert (started.json()["status"], stopped.json()["status"]) == ("RUNNING", "STOPPED")
    assert_problem(again, 422, "experiment")
    assert stopped.json()["stop_reason"] == "Enough is known."
    assert_problem(empty, 400, "invalid")
    assert (concluded.json()["status"], concluded.json()["winner"]) == ("CONCLUDED", None)


def test_winner_becomes_the_default_with_both_permissions(client):
    experiment = make_experiment()
    winner = variant(experiment, "B")

    other = post(client, experiment, "conclude", text="B is better.", winner=987654)
    nobody = post(client, experiment, "conclude", text="B is better.", make_default=True)
    concluded = post(client, experiment, "conclude", text="B is better.", winner=winner.pk, make_default=True)

    assert_problem(other, 400, "invalid")
    assert_problem(nobody, 400, "invalid")
    assert (concluded.status_code, concluded.json()["winner"]) == (200, winner.pk)
    assert PipelineConfig.objects.get(is_default=True).pk == winner.config_id


def test_default_stays_for_who_may_not_change_it():
    experiment = make_experiment()
    user = make_member()
    names = ["view_experiment", "run_experiment"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    said = {"text": "B is better.", "winner": variant(experiment, "B").pk, "make_default": True}

    assert_problem(post(api_client(user), experiment, "conclude", **said), 403, "permission_missing")
    assert Experiment.objects.get(pk=experiment.pk).status == "RUNNING"


def test_results_are_those_of_the_page(client):
    experiment = make_experiment()

    shown = client.get(f"{EXPERIMENTS}{experiment.pk}/results/").json()

    found = latest_results(experiment)
    assert (shown["verdict"]["kind"], shown["verdict"]["text"]) == (found.verdict.kind, found.verdict.text)
    assert shown["verdict"]["kind"] == "no_data"
    control, other = shown["variants"]
    assert (control["verdict"], control["comparisons"], control["got"]) == (None, [], None)
    assert other["comparisons"][0]["role"] == "primary"
    assert (other["comparisons"][0]["difference"], other["power"]["units_needed"]) == (None, None)


def test_draft_has_no_figures(client):
    shown = client.get(f"{EXPERIMENTS}{make_draft().pk}/results/").json()

    assert shown["verdict"]["kind"] == "draft"
    assert shown["mismatch"] == {"p_value": None, "is_raised": False}


def test_made_up_experiment_is_only_looked_at(client):
    experiment = make_draft(origin="SYNTHETIC")

    assert client.get(f"{EXPERIMENTS}{experiment.pk}/").status_code == 200
    assert_problem(post(client, experiment, "start"), 404, "not_found")


def test_experiments_are_for_who_may_see_and_run_them(alice):
    experiment = make_draft()
    reviewer = api_client(make_member("reviewer"))

    assert_problem(api_client().get(EXPERIMENTS), 401, "not_authenticated")
    assert_problem(api_client(alice).get(f"{EXPERIMENTS}{experiment.pk}/results/"), 403, "permission_missing")
    assert_problem(post(reviewer, experiment, "start"), 403, "permission_missing")
    assert_problem(post(api_client(make_member("operator"), ["read"]), experiment, "start"), 403, "scope_missing")
