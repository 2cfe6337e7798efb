"""What people do to evaluation runs in the admin: start, cancel, resume, and choose a config by one."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import PipelineConfig
from monitoring.models import EvaluationRun
from tests.admin_runs import ADD, LIST, page_of
from tests.factories import make_config, make_dataset, make_item, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


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

    assert response.url == page_of("report", EvaluationRun.objects.get().pk)


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

    html = admin.post(page_of("estimate"), form).content.decode()
    page = admin.post(reverse(ADD), form | {"estimate": "1"}).content.decode()

    for answer in (html, page):  # as it follows by htmx, and as the button does without
        assert "<dd>12</dd>" in answer
        assert "unknown" in answer
        assert "openai/gpt-4o-mini costs is not known" in answer
    assert not EvaluationRun.objects.exists()


def test_estimate_of_half_a_form_says_what_to_choose(admin):
    assert "Choose a dataset" in admin.post(page_of("estimate"), {"k": 5}).content.decode()


def test_form_is_filled_in_from_a_run(admin):
    run = make_run(k=9, repeat=3)
    make_item(dataset=run.dataset)

    form = admin.get(f"{reverse(ADD)}?run={run.pk}").context["form"]

    assert (form["k"].value(), form["repeat"].value(), form["configs"].value()) == (9, 3, [run.config_id])


# Cancelling, resuming, choosing as the default


def test_waiting_run_is_cancelled_and_the_history_says_so(admin):
    run = make_run(status="QUEUED", total_items=4)

    response = admin.post(page_of("cancel", run.pk))

    run.refresh_from_db()
    assert (response.url, run.status) == (page_of("report", run.pk), "CANCELLED")
    assert "Cancelled." in admin.get(page_of("history", run.pk)).content.decode()


def test_button_that_cancels_is_safe_from_forgery_and_works(staff):
    run = make_run(status="QUEUED", total_items=4)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    form = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
    pages = [browser.get(url).content.decode() for url in (page_of("report", run.pk), page_of("going", run.pk))]
    tokens = [form.search(page)[1] for page in pages]

    assert browser.post(page_of("cancel", run.pk)).status_code == 403
    for token in tokens:
        assert browser.post(page_of("cancel", run.pk), {"csrfmiddlewaretoken": token}).status_code == 302


def test_running_one_is_asked_to_stop(admin):
    run = make_run(status="RUNNING", total_items=4, heartbeat_at=timezone.now())

    admin.post(page_of("cancel", run.pk))

    run.refresh_from_db()
    assert run.status == "RUNNING"
    assert run.cancel_requested_at is not None
    assert "Stopping" in admin.get(page_of("going", run.pk)).content.decode()


def test_finished_run_cannot_be_cancelled(admin):
    run = make_run()

    response = admin.post(page_of("cancel", run.pk), follow=True)

    assert "nothing to cancel" in response.content.decode()
    assert not LogEntry.objects.exists()


def test_cancelled_run_is_resumed(admin, django_capture_on_commit_callbacks):
    run = make_run(status="CANCELLED", total_items=4)
    assert "Resume" in admin.get(page_of("report", run.pk)).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        admin.post(page_of("resume", run.pk))

    run.refresh_from_db()
    assert run.status == "QUEUED"
    assert OrmQ.objects.count() == 1


def test_run_with_nothing_left_cannot_be_resumed(admin):
    run = make_run()

    assert "none of its items failed" in admin.post(page_of("resume", run.pk), follow=True).content.decode()


def test_make_default_is_in_the_history_of_config_and_run(admin):
    make_config(is_default=True)
    run = make_run()

    admin.post(page_of("make_default", run.pk))

    assert PipelineConfig.objects.get(is_default=True) == run.config
    config_history = admin.get(reverse("admin:chat_pipelineconfig_history", args=[run.config_id])).content.decode()
    assert f"Made the default, going by evaluation run {run.pk} on {run.dataset}." in config_history
    assert "Made its config" in admin.get(page_of("history", run.pk)).content.decode()
