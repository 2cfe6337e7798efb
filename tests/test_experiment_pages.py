"""The page of an experiment in the admin: its verdict, and what that rests on."""

from datetime import timedelta

import pytest
from django.urls import reverse

from monitoring.experiments.drafts import GuardrailDraft
from monitoring.experiments.lifecycle import pin
from monitoring.experiments.looks import look
from monitoring.models import ExperimentLook
from tests.compared_answers import make_comparison
from tests.experiment_pages import html_of, liked, make_won
from tests.experiment_traffic import START, Unit, make_started, meet
from tests.experimented import variant
from tests.factories import make_config, make_conversation, make_run, make_turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def test_page_begins_with_the_verdict_and_shows_what_it_rests_on(admin):
    experiment = make_won(guardrails=[GuardrailDraft("error_ratio", 0.01)])

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
    experiment = make_won()
    for days in (3, 6, 9):
        look(experiment, START + timedelta(days=days))

    html = html_of(admin, experiment.get_absolute_url())

    assert html.count('class="db-point"') == 3
    assert html.count('<th scope="row">5 Mar 2026') == 1
    assert "at all looks: +" in html
    assert "Thumbs-up rate: B less A" in html
    assert "Total time: B less A" in html_of(admin, experiment.get_absolute_url(), kpi="total_seconds")


def drawn_line(admin, differences: list[float], last: tuple[float, float] | None) -> list[float]:
    """Return how far from the top, 0 to 100, the chart's line is at each look; `last`: the interval of the last one."""
    experiment = make_won()
    for place, difference in enumerate(differences):
        look(experiment, START + timedelta(days=3 * place + 3))
        row = ExperimentLook.objects.filter(kpi=experiment.primary_kpi).latest("looked_at")
        row.difference = difference
        row.low, row.high = last if last and place == len(differences) - 1 else (None, None)
        row.save()
    [chart] = admin.get(experiment.get_absolute_url()).context["charts"]
    return [float(point.split()[1]) for point in chart.drawing.lines[0].path.removeprefix("M").split("L")]


def test_line_that_leaves_the_chart_is_not_held_at_its_edge(admin):
    first, second, last = drawn_line(admin, [0.4, 0.2, 0.01], (0.0, 0.02))

    assert first < second < 0 < last < 50


def test_line_without_intervals_is_shown_whole(admin):
    first, second, last = drawn_line(admin, [0.4, 0.2, 0.01], None)

    assert 0 <= first < second < last < 50


def test_too_few_to_compare_is_said_with_the_digits_that_differ(admin):
    experiment = make_started()
    meet(experiment, "A", [Unit(up=3, down=4)])
    meet(experiment, "B", [Unit(up=4, down=5)])

    response = admin.get(experiment.get_absolute_url())

    (row,) = response.context["tables"][0].primary
    assert (row.says, row.interval, row.badge) == ("too few to compare", "", "")
    assert (row.control, row.value) == ("42.9\N{NO-BREAK SPACE}%", "44.4\N{NO-BREAK SPACE}%")


def test_chart_says_when_it_begins(admin):
    assert "The chart begins with the second look." in html_of(admin, make_won().get_absolute_url())


def test_wrong_split_is_the_verdict_and_is_warned_of(admin):
    experiment = make_started()
    meet(experiment, "A", liked(0.5, 140))
    meet(experiment, "B", liked(0.9, 60))

    html = html_of(admin, experiment.get_absolute_url())

    assert 'class="xp-verdict is-invalid"' in html
    assert "Invalid: users were not split as planned." in html
    assert "not split as planned (p &lt; 0.001)" in html


def test_aa_test_says_what_to_expect(admin):
    config = make_config()
    experiment = make_started(is_aa=True, configs=[config, config])
    meet(experiment, "A", liked(0.5))
    meet(experiment, "B", liked(0.5))

    html = html_of(admin, experiment.get_absolute_url())

    assert "no difference was found between two variants that are the same" in html
    assert "This is an A/A test" in html


def test_links_lead_to_the_offline_run_and_to_the_blind_comparison(admin):
    old, new = make_config(), make_config()
    run = make_run(config=new, kind="ANSWER")
    control = make_run(config=old, kind="ANSWER", dataset=run.dataset)
    experiment = make_started(configs=[old, new], justified_by=run)
    comparison = make_comparison(experiment=experiment)

    html = html_of(admin, experiment.get_absolute_url())

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
    assert "There is no variant 0 of an experiment." in html_of(admin, address, variant="0")
