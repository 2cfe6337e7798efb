"""The list of experiments in the admin, and the form of a draft."""

import pytest
from django.urls import reverse

from monitoring.experiments.drafts import GuardrailDraft
from monitoring.models import Experiment
from tests.experiment_pages import ADD, LIST, form_of, html_of, make_won, page_of
from tests.experimented import make_draft
from tests.factories import make_config, make_turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


# The list


def test_empty_list_says_what_to_do(admin):
    html = html_of(admin, reverse(LIST))

    assert "No experiment yet" in html
    assert "New experiment" in html


def test_list_has_the_verdict_of_each_in_a_line(admin):
    won, draft = make_won(name="Larger model"), make_draft(name="Another prompt")

    html = html_of(admin, reverse(LIST))

    assert "Larger model" in html
    assert "120 users" in html
    assert "“B” answers are liked more: 90" in html
    assert "Not started." in html
    assert draft.get_absolute_url() in html
    assert won.get_absolute_url() in html


# The form


def test_draft_is_made_with_percent_and_points_stored_as_shares(admin):
    response = admin.post(reverse(ADD), form_of(stops_on_guardrail="on"))

    experiment = Experiment.objects.get()
    assert response.url == experiment.get_absolute_url()
    assert (experiment.status, experiment.traffic, experiment.smallest_effect) == ("DRAFT", 5000, 0.03)
    assert (experiment.alpha, experiment.power, experiment.stops_on_guardrail) == (0.05, 0.8, True)
    assert [(row.name, row.config.name, row.share, row.is_control) for row in experiment.variants.all()] == [
        ("A", "old", 5000, True),
        ("B", "new", 5000, False),
    ]
    assert [(row.kpi, row.margin) for row in experiment.guardrails.all()] == [("error_ratio", 0.01)]
    assert "A draft: nobody gets it before it is started." in html_of(admin, response.url)


def test_form_of_a_draft_shows_what_is_stored_and_changes_it(admin):
    experiment = make_draft(smallest_effect=0.025, guardrails=[GuardrailDraft("total_seconds", 0.4)])

    forms = admin.get(page_of("edit", experiment)).context["forms"]
    stored = {
        name: value.pk if hasattr(value, "pk") else value
        for name, value in forms.main.initial.items()
        if value not in (None, False) and name not in ("collections", "groups")
    }
    sent = form_of(**{**stored, "name": "Renamed"})
    sent |= {f"variants-{place}-config": row.config_id for place, row in enumerate(experiment.variants.all())}
    response = admin.post(page_of("edit", experiment), sent)

    assert forms.main.initial["smallest_effect"] == 2.5
    assert forms.guardrails.initial == [{"kpi": "total_seconds", "margin": 0.4}]
    assert response.status_code == 302
    experiment.refresh_from_db()
    assert (experiment.name, experiment.smallest_effect, experiment.traffic) == ("Renamed", 0.025, 10_000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants-1-share": "40"}, "The shares make 90 % together; they must make 100 %."),
        ({"variants-1-name": "a"}, "Two variants are called"),
        ({"smallest_effect": "0"}, "more than 0, please"),
        ({"hypothesis": ""}, "This field is required."),
        ({"guardrails-0-kpi": "up_ratio"}, "it needs no guardrail"),
        ({"guardrails-0-kpi": "", "stops_on_guardrail": "on"}, "but has none"),
        ({"is_aa": "on"}, "In an A/A experiment all variants have the same config."),
        ({"primary_kpi": "happiness"}, "Select a valid choice"),
    ],
)
def test_form_says_what_is_wrong_and_saves_nothing(admin, changes, message):
    response = admin.post(reverse(ADD), form_of(**changes))

    assert response.status_code == 422
    assert message in response.content.decode()
    assert "Not saved yet" in response.content.decode()
    assert not Experiment.objects.exists()


def test_same_config_twice_is_refused_unless_it_is_an_aa_test(admin):
    form = form_of()
    form["variants-1-config"] = form["variants-0-config"]

    assert "cannot differ" in admin.post(reverse(ADD), form).content.decode()
    assert admin.post(reverse(ADD), {**form, "is_aa": "on"}).status_code == 302
    assert Experiment.objects.get().is_aa


def test_rows_are_added_by_a_button_and_unused_ones_left_out(admin):
    response = admin.post(reverse(ADD), form_of(more_variants="1"))

    assert response.status_code == 200
    assert response.context["forms"].variants.total_form_count() == 3
    assert admin.post(reverse(ADD), form_of(**{"variants-TOTAL_FORMS": 3, "variants-2-share": "50"})).status_code == 302
    assert Experiment.objects.get().variants.count() == 2


def test_plan_says_how_much_traffic_it_takes_or_that_it_is_not_known(admin):
    config = make_config()
    for number in range(40):
        turn = make_turn(config=config, total_seconds=1.0 + number % 5)
        assert turn.conversation.user
    plan = reverse("admin:monitoring_experiment_plan")

    known = admin.post(plan, form_of(primary_kpi="total_seconds", smallest_effect="0.5")).content.decode()
    unknown = admin.post(plan, form_of()).content.decode()
    incomplete = admin.post(plan, form_of(smallest_effect="")).content.decode()

    assert "A difference of 0.5" in known
    assert "users in control and variant" in known
    assert "Noise floor" in known
    assert "is not known: in the last 4 weeks there were too few votes to tell" in unknown
    assert "Choose a KPI and the smallest effect" in incomplete
