"""What one can do with an experiment in the admin, and who."""

import pytest
from django.urls import reverse

from chat.models import PipelineConfig
from monitoring.experiments.lifecycle import stop
from monitoring.models import Experiment, Pin
from tests.experiment_pages import ADD, LIST, html_of, make_won, page_of
from tests.experiment_traffic import make_started
from tests.experimented import make_draft, variant
from tests.review_rows import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def test_experiment_of_demo_data_is_only_looked_at(admin):
    experiment = make_won(origin="SYNTHETIC")

    html = html_of(admin, experiment.get_absolute_url())

    assert "demo data" in html
    assert "“B” answers are liked more" in html
    assert page_of("conclude", experiment) not in html
    assert "Look at a variant yourself" not in html
    assert admin.post(page_of("conclude", experiment), {"text": "x"}).status_code == 404


def test_draft_is_started_stopped_concluded_and_its_winner_made_the_default(admin):
    experiment = make_draft()
    winner = variant(experiment, "B")

    admin.post(page_of("start", experiment))
    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"
    admin.post(page_of("stop", experiment), {"reason": "enough"})
    experiment.refresh_from_db()
    assert (experiment.status, experiment.stop_reason) == ("STOPPED", "enough")
    admin.post(page_of("conclude", experiment), {"text": "B is better.", "winner": winner.pk})
    html = html_of(admin, experiment.get_absolute_url())
    assert "“B” won." in html
    assert "Make the winner the default" in html
    admin.post(page_of("make_default", experiment))

    assert PipelineConfig.objects.default() == winner.config
    history = html_of(admin, page_of("history", experiment))
    assert all(word in history for word in ("Made.", "Started.", "Stopped: enough", "Concluded: B wins", "the default"))


def test_running_experiment_is_concluded_with_its_winner_as_default_in_one_step(admin):
    experiment = make_won()
    html = html_of(admin, experiment.get_absolute_url())
    winner = variant(experiment, "B")

    admin.post(page_of("conclude", experiment), {"text": "B is liked more.", "winner": winner.pk, "make_default": "on"})

    assert f'<option value="{winner.pk}" selected>' in html
    assert 'maxlength="10000">“B” answers are liked more: 90' in html
    assert "points.</textarea>" in html
    experiment.refresh_from_db()
    assert (experiment.status, experiment.winner) == ("CONCLUDED", winner)
    assert PipelineConfig.objects.default() == winner.config


@pytest.mark.parametrize(
    ("action", "data", "message"),
    [
        ("start", {}, "It was started already."),
        ("conclude", {"text": " "}, "write what was learned"),
        ("make_default", {}, "Conclude the experiment with a winner first."),
        ("remove", {}, "It was started, so it stays on record."),
    ],
)
def test_what_cannot_be_done_says_why(admin, action, data, message):
    experiment = make_started()

    response = admin.post(page_of(action, experiment), data, follow=True)

    assert message in response.content.decode()
    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"


def test_started_one_is_not_edited_but_copied(admin):
    experiment = make_started(name="First")

    assert "what was started does not change" in admin.get(page_of("edit", experiment), follow=True).content.decode()
    response = admin.post(page_of("copy", experiment))

    copy = Experiment.objects.get(status="DRAFT")
    assert response.url == page_of("edit", copy)
    assert copy.name == "First (2)"


def test_draft_is_deleted_by_its_button(admin):
    experiment = make_draft()

    assert admin.post(page_of("remove", experiment)).url == reverse(LIST)
    assert not Experiment.objects.exists()


def test_draft_without_room_says_who_holds_it(admin):
    make_started(name="Holds all")

    html = html_of(admin, make_draft().get_absolute_url())

    assert "There is no room for it now" in html
    assert "Holds all" in html


def test_staff_looks_at_a_variant_and_goes_back(admin, staff):
    experiment = make_draft()
    wanted = variant(experiment, "B")

    admin.post(page_of("pin", experiment), {"variant": wanted.pk})
    assert Pin.objects.values_list("user", "variant").get() == (staff.pk, wanted.pk)
    assert "You get “B” in new questions of yours" in html_of(admin, experiment.get_absolute_url())
    admin.post(page_of("pin", experiment), {"variant": ""})

    assert not Pin.objects.exists()


def test_stopped_one_has_no_preview_and_no_stop(admin):
    experiment = make_started()
    stop(experiment=experiment)

    html = html_of(admin, experiment.get_absolute_url())

    assert "Look at a variant yourself" not in html
    assert page_of("stop", experiment) not in html
    assert page_of("conclude", experiment) in html


def test_reviewer_sees_and_changes_nothing(client):
    experiment, draft = make_started(), make_draft()
    client.force_login(make_member("reviewer"))

    assert client.get(reverse(LIST)).status_code == 200
    assert "Conclude" not in html_of(client, experiment.get_absolute_url())
    assert client.get(reverse(ADD)).status_code == 403
    assert client.get(page_of("edit", draft)).status_code == 403
    for action in ("start", "stop", "conclude", "make_default", "copy", "remove", "pin"):
        assert client.post(page_of(action, draft)).status_code == 403


def test_operator_may_do_all_of_it(client):
    client.force_login(make_member("operator"))

    experiment = make_draft()
    assert client.get(reverse(ADD)).status_code == 200
    client.post(page_of("start", experiment))

    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"


def test_wrong_methods_and_unknown_ones(admin):
    experiment = make_draft()

    assert admin.get(page_of("start", experiment)).status_code == 405
    assert admin.get(reverse("admin:monitoring_experiment_plan")).status_code == 405
    assert admin.get(reverse("admin:monitoring_experiment_change", args=[99])).status_code == 404
    assert admin.post(reverse("admin:monitoring_experiment_start", args=[99])).status_code == 404
