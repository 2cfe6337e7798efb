"""Experiments in the admin: the list, the form, the page with its verdict, and what one can do there."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from chat.models import PipelineConfig
from monitoring.experiments.drafts import GuardrailDraft
from monitoring.experiments.lifecycle import pin, stop
from monitoring.experiments.looks import look
from monitoring.models import Experiment, ExperimentLook, Pin
from tests.compared_answers import make_comparison
from tests.experiment_traffic import START, Unit, make_started, meet
from tests.experimented import make_draft, variant
from tests.factories import make_config, make_conversation, make_run, make_turn, make_user

pytestmark = pytest.mark.django_db

LIST = "admin:monitoring_experiment_changelist"
ADD = "admin:monitoring_experiment_add"
LIKED, DISLIKED = Unit(up=1), Unit(down=1)


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def _page(name: str, experiment: Experiment) -> str:
    return reverse(f"admin:monitoring_experiment_{name}", args=[experiment.pk])


def _html(client, address: str, **query) -> str:
    return client.get(address, query).content.decode()


def _member(group: str):
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def _liked(share: float, units: int = 60) -> list[Unit]:
    return [LIKED] * round(share * units) + [DISLIKED] * round((1 - share) * units)


def _won(**values) -> Experiment:
    """Return a running experiment in which B surely is liked more."""
    experiment = make_started(**values)
    meet(experiment, "A", _liked(0.3))
    meet(experiment, "B", _liked(0.9))
    return experiment


def _form(**changes) -> dict[str, object]:
    """Return what the form of a valid experiment sends."""
    configs = [PipelineConfig.objects.filter(name=name).first() or make_config(name=name) for name in ("old", "new")]
    rows = {
        f"variants-{place}-{field}": value
        for place, config in enumerate(configs)
        for field, value in (("name", "AB"[place]), ("config", config.pk), ("share", "50"))
    }
    return {
        "name": "Larger model",
        "hypothesis": "It answers better.",
        "unit": "USER",
        "traffic": "50",
        "primary_kpi": "up_ratio",
        "smallest_effect": "3",
        "alpha": "5",
        "power": "80",
        "minimum_days": "7",
        "minimum_units": "100",
        "variants-TOTAL_FORMS": 2,
        "variants-INITIAL_FORMS": 0,
        "guardrails-TOTAL_FORMS": 1,
        "guardrails-INITIAL_FORMS": 0,
        "guardrails-0-kpi": "error_ratio",
        "guardrails-0-margin": "1",
        **rows,
        **changes,
    }


# The list


def test_empty_list_says_what_to_do(admin):
    html = _html(admin, reverse(LIST))

    assert "No experiment yet" in html
    assert "New experiment" in html


def test_list_has_the_verdict_of_each_in_a_line(admin):
    won, draft = _won(name="Larger model"), make_draft(name="Another prompt")

    html = _html(admin, reverse(LIST))

    assert "Larger model" in html
    assert "120 users" in html
    assert "“B” answers are liked more: 90" in html
    assert "Not started." in html
    assert draft.get_absolute_url() in html
    assert won.get_absolute_url() in html


# The form


def test_draft_is_made_with_percent_and_points_stored_as_shares(admin):
    response = admin.post(reverse(ADD), _form(stops_on_guardrail="on"))

    experiment = Experiment.objects.get()
    assert response.url == experiment.get_absolute_url()
    assert (experiment.status, experiment.traffic, experiment.smallest_effect) == ("DRAFT", 5000, 0.03)
    assert (experiment.alpha, experiment.power, experiment.stops_on_guardrail) == (0.05, 0.8, True)
    assert [(row.name, row.config.name, row.share, row.is_control) for row in experiment.variants.all()] == [
        ("A", "old", 5000, True),
        ("B", "new", 5000, False),
    ]
    assert [(row.kpi, row.margin) for row in experiment.guardrails.all()] == [("error_ratio", 0.01)]
    assert "A draft: nobody gets it before it is started." in _html(admin, response.url)


def test_form_of_a_draft_shows_what_is_stored_and_changes_it(admin):
    experiment = make_draft(smallest_effect=0.025, guardrails=[GuardrailDraft("total_seconds", 0.4)])

    forms = admin.get(_page("edit", experiment)).context["forms"]
    stored = {
        name: value.pk if hasattr(value, "pk") else value
        for name, value in forms.main.initial.items()
        if value not in (None, False) and name not in ("collections", "groups")
    }
    sent = _form(**{**stored, "name": "Renamed"})
    sent |= {f"variants-{place}-config": row.config_id for place, row in enumerate(experiment.variants.all())}
    response = admin.post(_page("edit", experiment), sent)

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
    response = admin.post(reverse(ADD), _form(**changes))

    assert response.status_code == 422
    assert message in response.content.decode()
    assert "Not saved yet" in response.content.decode()
    assert not Experiment.objects.exists()


def test_same_config_twice_is_refused_unless_it_is_an_aa_test(admin):
    form = _form()
    form["variants-1-config"] = form["variants-0-config"]

    assert "cannot differ" in admin.post(reverse(ADD), form).content.decode()
    assert admin.post(reverse(ADD), {**form, "is_aa": "on"}).status_code == 302
    assert Experiment.objects.get().is_aa


def test_rows_are_added_by_a_button_and_unused_ones_left_out(admin):
    response = admin.post(reverse(ADD), _form(more_variants="1"))

    assert response.status_code == 200
    assert response.context["forms"].variants.total_form_count() == 3
    assert admin.post(reverse(ADD), _form(**{"variants-TOTAL_FORMS": 3, "variants-2-share": "50"})).status_code == 302
    assert Experiment.objects.get().variants.count() == 2


def test_plan_says_how_much_traffic_it_takes_or_that_it_is_not_known(admin):
    config = make_config()
    for number in range(40):
        turn = make_turn(config=config, total_seconds=1.0 + number % 5)
        assert turn.conversation.user
    plan = reverse("admin:monitoring_experiment_plan")

    known = admin.post(plan, _form(primary_kpi="total_seconds", smallest_effect="0.5")).content.decode()
    unknown = admin.post(plan, _form()).content.decode()
    incomplete = admin.post(plan, _form(smallest_effect="")).content.decode()

    assert "A difference of 0.5" in known
    assert "users in control and variant" in known
    assert "Noise floor" in known
    assert "is not known: in the last 4 weeks there were too few votes to tell" in unknown
    assert "Choose a KPI and the smallest effect" in incomplete


# The page


def test_page_begins_with_the_verdict_and_shows_what_it_rests_on(admin):
    experiment = _won(guardrails=[GuardrailDraft("error_ratio", 0.01)])

    response = admin.get(experiment.get_absolute_url())
    html = response.content.decode()

    assert 'class="xp-verdict is-better"' in html
    assert html.index("“B” answers are liked more") < html.index("Variants <span")
    (table,) = response.context["tables"]
    assert [title for title, _ in table.parts] == ["Primary KPI", "Guardrails", "All other KPIs"]
    (row,) = table.primary
    assert (row.tone, row.says, row.badge, row.one.n) == ("better", "better", "success", 60)
    assert row.difference == "+60 points"
    assert row.interval.endswith(" points")
    assert "Planned" in html
    assert "50.0\N{NO-BREAK SPACE}%" in html


def test_chart_shows_each_look_and_the_same_as_a_table(admin):
    experiment = _won()
    for days in (3, 6, 9):
        look(experiment, START + timedelta(days=days))

    html = _html(admin, experiment.get_absolute_url())

    assert html.count('class="db-point"') == 3
    assert html.count('<th scope="row">5 Mar 2026') == 1
    assert "at all looks: +" in html
    assert "Thumbs-up rate: B less A" in html
    assert "Total time: B less A" in _html(admin, experiment.get_absolute_url(), kpi="total_seconds")


def test_line_that_leaves_the_chart_is_not_held_at_its_edge(admin):
    experiment = _won()
    for days in (3, 6, 9):
        look(experiment, START + timedelta(days=days))
    rows = list(ExperimentLook.objects.filter(kpi=experiment.primary_kpi).order_by("looked_at"))
    for row, difference in zip(rows, (0.4, 0.2, 0.01), strict=True):
        row.low = row.high = None
        row.difference = difference
        row.save()

    drawn = admin.get(experiment.get_absolute_url()).context["charts"][0].drawing

    first, second, last = (float(point.split()[1]) for point in drawn.lines[0].path.removeprefix("M").split("L"))
    assert first < second < 0 < last < 50


def test_too_few_to_compare_is_said_with_the_digits_that_differ(admin):
    experiment = make_started()
    meet(experiment, "A", [Unit(up=3, down=4)])
    meet(experiment, "B", [Unit(up=4, down=5)])

    response = admin.get(experiment.get_absolute_url())

    (row,) = response.context["tables"][0].primary
    assert (row.says, row.interval, row.badge) == ("too few to compare", "", "")
    assert (row.control, row.value) == ("42.9\N{NO-BREAK SPACE}%", "44.4\N{NO-BREAK SPACE}%")


def test_chart_says_when_it_begins(admin):
    assert "The chart begins with the second look." in _html(admin, _won().get_absolute_url())


def test_wrong_split_is_the_verdict_and_is_warned_of(admin):
    experiment = make_started()
    meet(experiment, "A", _liked(0.5, 140))
    meet(experiment, "B", _liked(0.9, 60))

    html = _html(admin, experiment.get_absolute_url())

    assert 'class="xp-verdict is-invalid"' in html
    assert "Invalid: users were not split as planned." in html
    assert "not split as planned (p &lt; 0.001)" in html


def test_aa_test_says_what_to_expect(admin):
    config = make_config()
    experiment = make_started(is_aa=True, configs=[config, config])
    meet(experiment, "A", _liked(0.5))
    meet(experiment, "B", _liked(0.5))

    html = _html(admin, experiment.get_absolute_url())

    assert "no difference was found between two variants that are the same" in html
    assert "This is an A/A test" in html


def test_links_lead_to_the_offline_run_and_to_the_blind_comparison(admin):
    old, new = make_config(), make_config()
    run = make_run(config=new, kind="ANSWER")
    control = make_run(config=old, kind="ANSWER", dataset=run.dataset)
    experiment = make_started(configs=[old, new], justified_by=run)
    comparison = make_comparison(experiment=experiment)

    html = _html(admin, experiment.get_absolute_url())

    assert f"/compare/?run={control.pk}&amp;run={run.pk}" in html
    assert comparison.get_absolute_url() in html


def test_turns_of_a_variant_are_those_that_count(admin):
    experiment = make_started()
    met = meet(experiment, "B", [Unit(up=1), Unit(up=2)])
    meet(experiment, "A", [Unit()])
    config = variant(experiment, "B").config
    make_turn(config=config)  # nobody of the experiment
    own_choice = make_conversation(user=met[0].conversation.user, config=config)
    make_turn(config=config, conversation=own_choice)  # a config that somebody chose
    make_turn(config=make_config(), conversation=met[0].conversation)  # another config
    pin(experiment=experiment, user=met[-1].conversation.user, variant=variant(experiment, "B"))
    address = reverse("admin:chat_turn_changelist")

    response = admin.get(address, {"variant": variant(experiment, "B").pk})

    assert [row.pk for row in response.context["cl"].result_list] == [met[0].pk]
    assert "variant “B” of “" in response.content.decode()
    assert "There is no variant 0 of an experiment." in _html(admin, address, variant="0")


# What one can do


def test_experiment_of_demo_data_is_only_looked_at(admin):
    experiment = _won(origin="SYNTHETIC")

    html = _html(admin, experiment.get_absolute_url())

    assert "demo data" in html
    assert "“B” answers are liked more" in html
    assert _page("conclude", experiment) not in html
    assert "Look at a variant yourself" not in html
    assert admin.post(_page("conclude", experiment), {"text": "x"}).status_code == 404


def test_draft_is_started_stopped_concluded_and_its_winner_made_the_default(admin):
    experiment = make_draft()
    winner = variant(experiment, "B")

    admin.post(_page("start", experiment))
    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"
    admin.post(_page("stop", experiment), {"reason": "enough"})
    experiment.refresh_from_db()
    assert (experiment.status, experiment.stop_reason) == ("STOPPED", "enough")
    admin.post(_page("conclude", experiment), {"text": "B is better.", "winner": winner.pk})
    html = _html(admin, experiment.get_absolute_url())
    assert "“B” won." in html
    assert "Make the winner the default" in html
    admin.post(_page("make_default", experiment))

    assert PipelineConfig.objects.default() == winner.config
    history = _html(admin, _page("history", experiment))
    assert all(word in history for word in ("Made.", "Started.", "Stopped: enough", "Concluded: B wins", "the default"))


def test_running_experiment_is_concluded_with_its_winner_as_default_in_one_step(admin):
    experiment = _won()
    html = _html(admin, experiment.get_absolute_url())
    winner = variant(experiment, "B")

    admin.post(_page("conclude", experiment), {"text": "B is liked more.", "winner": winner.pk, "make_default": "on"})

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

    response = admin.post(_page(action, experiment), data, follow=True)

    assert message in response.content.decode()
    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"


def test_started_one_is_not_edited_but_copied(admin):
    experiment = make_started(name="First")

    assert "what was started does not change" in admin.get(_page("edit", experiment), follow=True).content.decode()
    response = admin.post(_page("copy", experiment))

    copy = Experiment.objects.get(status="DRAFT")
    assert response.url == _page("edit", copy)
    assert copy.name == "First (2)"


def test_draft_is_deleted_by_its_button(admin):
    experiment = make_draft()

    assert admin.post(_page("remove", experiment)).url == reverse(LIST)
    assert not Experiment.objects.exists()


def test_draft_without_room_says_who_holds_it(admin):
    make_started(name="Holds all")

    html = _html(admin, make_draft().get_absolute_url())

    assert "There is no room for it now" in html
    assert "Holds all" in html


def test_staff_looks_at_a_variant_and_goes_back(admin, staff):
    experiment = make_draft()
    wanted = variant(experiment, "B")

    admin.post(_page("pin", experiment), {"variant": wanted.pk})
    assert Pin.objects.values_list("user", "variant").get() == (staff.pk, wanted.pk)
    assert "You get “B” in new questions of yours" in _html(admin, experiment.get_absolute_url())
    admin.post(_page("pin", experiment), {"variant": ""})

    assert not Pin.objects.exists()


def test_stopped_one_has_no_preview_and_no_stop(admin):
    experiment = make_started()
    stop(experiment=experiment)

    html = _html(admin, experiment.get_absolute_url())

    assert "Look at a variant yourself" not in html
    assert _page("stop", experiment) not in html
    assert _page("conclude", experiment) in html


def test_reviewer_sees_and_changes_nothing(client):
    experiment, draft = make_started(), make_draft()
    client.force_login(_member("reviewer"))

    assert client.get(reverse(LIST)).status_code == 200
    assert "Conclude" not in _html(client, experiment.get_absolute_url())
    assert client.get(reverse(ADD)).status_code == 403
    assert client.get(_page("edit", draft)).status_code == 403
    for action in ("start", "stop", "conclude", "make_default", "copy", "remove", "pin"):
        assert client.post(_page(action, draft)).status_code == 403


def test_operator_may_do_all_of_it(client):
    client.force_login(_member("operator"))

    experiment = make_draft()
    assert client.get(reverse(ADD)).status_code == 200
    client.post(_page("start", experiment))

    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"


def test_wrong_methods_and_unknown_ones(admin):
    experiment = make_draft()

    assert admin.get(_page("start", experiment)).status_code == 405
    assert admin.get(reverse("admin:monitoring_experiment_plan")).status_code == 405
    assert admin.get(reverse("admin:monitoring_experiment_change", args=[99])).status_code == 404
    assert admin.post(reverse("admin:monitoring_experiment_start", args=[99])).status_code == 404
