"""Looks: written each hour, stopping what does harm, and read by the reports."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.experiments.drafts import GuardrailDraft
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.lifecycle import stop
from monitoring.experiments.looks import look, look_back, look_where_due
from monitoring.models import Experiment, ExperimentLook
from monitoring.reports import Filters, read
from tests.experiment_traffic import LATER, START, Unit, make_started, meet
from tests.experimented import make_draft, variant

pytestmark = pytest.mark.django_db

SLOW, QUICK = [Unit(up=1, seconds=4 + number % 3) for number in range(40)], [Unit(up=1, seconds=1.0)] * 40


def test_a_look_has_each_kpi_once():
    experiment = make_started()
    meet(experiment, "A", QUICK)
    meet(experiment, "B", SLOW)

    rows = look(experiment, LATER)
    look(experiment, LATER)

    assert {row.kpi for row in rows} == KPIS.keys()
    assert ExperimentLook.objects.count() == len(rows) == len(KPIS)
    total = ExperimentLook.objects.get(kpi="total_seconds")
    assert (total.variant, total.looked_at, total.units) == (variant(experiment, "B"), LATER, 80)
    assert (total.control, total.value, total.difference) == (1.0, 4.975, pytest.approx(3.975))
    assert total.low < total.fixed_low < 3.975 < total.fixed_high < total.high
    assert ExperimentLook.objects.get(kpi="relevance").difference is None


@pytest.mark.parametrize(("stops", "status"), [(True, "STOPPED"), (False, "RUNNING")])
def test_a_broken_guardrail_stops_what_is_set_to(stops, status):
    experiment = make_started(guardrails=[GuardrailDraft("total_seconds", 0.5)], stops_on_guardrail=stops)
    meet(experiment, "A", QUICK)
    meet(experiment, "B", SLOW)

    look(experiment, START + timedelta(hours=1))

    experiment.refresh_from_db()
    assert experiment.status == status
    assert experiment.stop_reason.startswith("“B” does harm: answers take longer: ") is stops


def test_looks_are_due_each_hour_and_once_after_the_stop():
    make_draft()
    experiment = make_started(at=timezone.now() - timedelta(days=1))

    assert [look_where_due(), look_where_due()] == [1, 0]
    ExperimentLook.objects.update(looked_at=timezone.now() - timedelta(hours=1))
    assert [look_where_due(), look_where_due()] == [1, 0]
    stop(experiment=experiment)
    assert [look_where_due(), look_where_due()] == [1, 0]


def test_one_that_cannot_be_looked_at_keeps_no_other_waiting(caplog):
    broken, _ = (make_started(at=timezone.now() - timedelta(days=1), traffic=5000) for _ in range(2))
    Experiment.objects.filter(pk=broken.pk).update(primary_kpi="no such figure")

    assert look_where_due() == 1
    assert "experiment not looked at" in caplog.text


def test_looks_of_a_past_that_was_made_up():
    experiment = make_started()
    Experiment.objects.filter(pk=experiment.pk).update(status="STOPPED", stopped_at=START + timedelta(days=2, hours=6))
    experiment.refresh_from_db()

    assert look_back(experiment, every=timedelta(days=1)) == 3
    times = sorted(set(ExperimentLook.objects.values_list("looked_at", flat=True)))
    assert times == [START + timedelta(hours=hours) for hours in (24, 48, 54)]


def test_the_report_has_the_last_look_of_the_range():
    experiment = make_started(guardrails=[GuardrailDraft("total_seconds", 0.5)])
    meet(experiment, "A", QUICK)
    look(experiment, START + timedelta(hours=1))
    meet(experiment, "B", SLOW)
    look(experiment, START + timedelta(hours=2))

    rows = read("experiments", Filters(START, LATER))
    earlier = read("experiments", Filters(START, START + timedelta(hours=2)))

    assert [(row["kpi"], row["role"]) for row in rows[:3]] == [
        ("up_ratio", "primary"),
        ("total_seconds", "guardrail"),
        ("again_ratio", "secondary"),
    ]
    assert (rows[1]["experiment"], rows[1]["variant"], rows[1]["status"]) == (experiment.name, "B", "RUNNING")
    assert (rows[1]["origin"], rows[1]["at"], rows[1]["units"]) == ("USER", START + timedelta(hours=2), 80)
    assert (rows[1]["value"], rows[1]["difference"]) == (4.975, pytest.approx(3.975))
    assert (earlier[1]["value"], earlier[1]["control"]) == (None, 1.0)
    assert read("experiments", Filters(LATER, LATER + timedelta(days=1))) == []
