"""The A/B test of made-up traffic: divided by the assignment of people, counted by the reports of people, and decided
rightly."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from chat.models import Turn
from monitoring.experiments.assignment import Arm, arm_of
from monitoring.experiments.results import results
from monitoring.experiments.running import running_plan
from monitoring.models import Experiment, Exposure
from monitoring.reports import Filters, read
from monitoring.synthetic.traffic.copying import analyze, copy_world
from monitoring.synthetic.traffic.deciding import check_experiments
from monitoring.synthetic.traffic.removal import remove_synthetic
from monitoring.synthetic.traffic.tally import Tally
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.truth import truth_of
from monitoring.synthetic.traffic.world import WorldArguments, plan_world
from tests.experimented import make_experiment
from tests.factories import make_config, make_document

UNTIL = datetime(2026, 6, 26, 18, tzinfo=UTC)


@pytest.fixture
def knowledge(db):
    make_config(name="default", is_default=True)
    make_document(("Press the green button.", "Press the red button."), title="Pump manual")


def copied(*, days=1, turns=300, seed=3, **more) -> Tally:
    tally = Tally()
    world = plan_world(WorldArguments(days, turns, seed, UNTIL, **more), read_library(seed=seed))
    copy_world(world, on_block=tally.add)
    analyze()
    return tally


@pytest.mark.parametrize(("effect", "verdict"), [(-0.4, "worse"), (0.0, "")])
def test_planted_effect_is_found_through_real_assignment_and_real_reports(knowledge, effect, verdict):
    truth = truth_of(copied(days=8, turns=6000, users=1500, quiet=True, effect=effect))

    [decided] = check_experiments(truth)

    assert truth["experiments"][0]["verdict"] == verdict
    assert decided.is_ok, decided
    assert decided.low < truth["experiments"][0]["effect"] < decided.high


def test_users_get_what_assignment_says_and_figures_are_those_of_the_reports(knowledge):
    truth = truth_of(copied(days=2, turns=2000, quiet=True))
    experiment = Experiment.objects.get()
    control, challenger = experiment.variants.all()
    arms = [Arm(control.pk, control.config, control.share), Arm(challenger.pk, challenger.config, 10_000)]

    exposures = list(Exposure.objects.select_related("turn__conversation", "user"))
    found = results(experiment, UNTIL)

    assert {row.variant_id for row in exposures} == {control.pk, challenger.pk}
    assert all(arm_of(arms, experiment.salt, row.unit_key).variant_id == row.variant_id for row in exposures)
    assert all(row.unit_key == row.user.username for row in exposures)
    assert len(exposures) == Turn.objects.values("conversation__user").distinct().count()
    for row in exposures:
        first = Turn.objects.filter(conversation__user=row.user).earliest("created_at")
        assert (row.turn, row.exposed_at) == (first, first.created_at)
    by_config = {
        row["key"]: row["up_ratio"]
        for row in read("feedback", Filters(experiment.started_at, UNTIL, origin="SYNTHETIC"), by="config")
    }
    assert [found.control.values["up_ratio"], found.others[0].values["up_ratio"]] == pytest.approx(
        [by_config[str(control.config_id)], by_config[str(challenger.config_id)]]
    )
    assert truth["experiments"][0]["realised"] == pytest.approx(found.others[0].comparisons[0].difference)
    assert not found.mismatch.is_raised


def test_second_history_of_the_same_days_goes_on_with_the_experiment(knowledge):
    copied(turns=200)
    copied(turns=300, seed=4)

    assert Experiment.objects.count() == 1
    users = Turn.objects.values("conversation__user").distinct().count()
    assert Exposure.objects.count() == users


def test_nobody_living_is_divided_by_it(knowledge):
    copied(turns=100)

    assert running_plan().is_empty
    assert make_experiment().first_bucket == 0


def test_it_is_removed_with_the_traffic(knowledge):
    people = make_experiment()
    copied(turns=100)

    removed = remove_synthetic()

    assert removed["experiments"] == 1
    assert (list(Experiment.objects.all()), Exposure.objects.count()) == ([people], 0)


def test_who_was_exposed_stays_so_when_old_traffic_goes(knowledge):
    copied(days=3, turns=300)
    before = Exposure.objects.count()

    remove_synthetic(before=datetime(2026, 6, 25, 18, tzinfo=UTC))

    assert Turn.objects.exists()
    assert Exposure.objects.count() == before
    assert Exposure.objects.filter(turn=None).exists()


def test_verify_truth_says_the_verdict_and_when_it_is_missing(knowledge, tmp_path):
    path = str(tmp_path / "truth.json")
    options = ["--days", "1", "--turns", "400", "--until", "2026-06-26T18:00Z", "--quiet", "--truth", path]
    call_command("simulate_traffic", *options, stdout=StringIO())
    out = StringIO()
    call_command("verify_truth", path, "--no-incidents", stdout=out)

    assert "Demo: kinder answers, 2026-06-25 to 2026-06-26" in out.getvalue()


def test_wrong_verdict_is_off(knowledge):
    """As if the variants had been taken for each other."""
    truth = truth_of(copied(days=1, turns=400, quiet=True))
    truth["experiments"][0]["verdict"] = "worse"

    [decided] = check_experiments(truth)
    Experiment.objects.all().delete()
    [missing] = check_experiments(truth)

    assert [decided.is_ok, missing.is_ok, missing.kind] == [False, False, "missing"]
