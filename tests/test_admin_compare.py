"""Comparing evaluation runs in the admin: what is said of two configs, and which questions lie behind it."""

import pytest
from django.urls import reverse

from monitoring.models import EvaluationRun
from tests.factories import make_dataset, make_evaluation_item, make_item, make_run

pytestmark = pytest.mark.django_db

COMPARE = "admin:monitoring_evaluationrun_compare"
CHOOSE = "admin:monitoring_evaluationrun_choose"


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def _runs(*values: list[float | None], **overrides) -> list[EvaluationRun]:
    """Return a run for each list of reciprocal ranks, all on the same questions, each about a document of its own."""
    dataset = make_dataset()
    items = [make_item(dataset=dataset, question=f"Question {number}?") for number in range(len(values[0]))]
    runs = [make_run(dataset=dataset, total_items=len(items), done_items=len(items), **overrides) for _ in values]
    for run, of_run in zip(runs, values, strict=True):
        for item, value in zip(items, of_run, strict=True):
            make_evaluation_item({"mrr": value, "hit_rate": value and float(value > 0)}, run=run, item=item)
    return runs


def _address(*runs: EvaluationRun, **query) -> str:
    pairs = [f"run={run.pk}" for run in runs] + [f"{name}={value}" for name, value in query.items()]
    return f"{reverse(COMPARE)}?{'&'.join(pairs)}"


def _row(response, name="mrr", place=0):
    return next(row for row in response.context["compared"][place].rows if row.name == name)


def test_marked_runs_are_compared_with_the_oldest_as_the_baseline(admin):
    older, newer = _runs([1.0], [0.5])

    response = admin.post(reverse(CHOOSE), {"_selected_action": [newer.pk, older.pk], "index": "0"})

    assert response.url == _address(older, newer)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_too_few_or_too_many_marks_are_said(admin, count):
    response = admin.post(reverse(CHOOSE), {"_selected_action": list(range(1, count + 1))}, follow=True)

    assert "Mark two runs or more to compare them, at most 6." in response.content.decode()


def test_clear_difference_is_worse_with_interval_and_counts(admin):
    baseline, candidate = _runs([1.0] * 30, [0.5] * 20 + [1.0] * 9 + [1 / 3])

    response = admin.get(_address(baseline, candidate))
    row = _row(response)

    assert (row.tone, row.words) == ("worse", "worse")
    assert (row.comparison.paired.won, row.comparison.paired.lost, row.comparison.paired.tied) == (0, 21, 9)
    assert row.comparison.paired.difference.value == pytest.approx(-(10 + 2 / 3) / 30)
    assert row.comparison.paired.difference.low < row.comparison.paired.difference.high < 0
    assert row.p_value == "p < 0.001"
    assert "−0.356" in response.content.decode()  # noqa: RUF001


def test_other_way_round_it_is_better(admin):
    candidate, baseline = _runs([1.0] * 30, [0.5] * 20 + [1.0] * 10)

    assert _row(admin.get(_address(baseline, candidate))).tone == "better"


def test_same_results_are_no_difference_that_can_be_told_from_chance(admin):
    baseline, candidate = _runs([1.0, 0.5, 0.0, 1.0], [1.0, 0.5, 0.0, 1.0])

    response = admin.get(_address(baseline, candidate))

    assert _row(response).tone == "same"
    assert "no difference that can be told from chance" in response.content.decode()
    assert "No question does worse by MRR." in response.content.decode()


def test_difference_below_the_noise_floor_is_grey_and_says_so(admin):
    baseline, candidate = _runs([0.5] * 12, [0.4] * 12, repeat=2)
    for run, values in ((baseline, (1.0, 0.0)), (candidate, (0.0, 0.9))):
        for place, row in enumerate(run.items.order_by("pk")):
            make_evaluation_item({"mrr": values[place % 2]}, run=run, item=row.item, repetition=2)

    response = admin.get(_address(baseline, candidate))
    row = _row(response)

    assert row.noise_floor > abs(row.comparison.paired.difference.value)
    assert row.tone == "noise"
    assert 'class="is-noise"' in response.content.decode()
    assert "below the noise floor" in response.content.decode()
    assert "How much is noise is not known" not in response.content.decode()


def test_only_common_questions_are_compared_and_the_others_counted(admin):
    baseline, candidate = _runs([1.0, 0.5, 0.5], [1.0, 0.5, 0.5])
    baseline.items.first().delete()

    response = admin.get(_address(baseline, candidate))
    (one,) = response.context["compared"]

    assert (one.common_items, one.left_out) == (2, 1)
    assert _row(response).candidate.value == 0.5
    assert "1 that only one of them has is left out" in response.content.decode()


def test_run_that_is_not_finished_is_compared_as_far_as_it_is(admin):
    baseline, candidate = _runs([1.0, 0.5], [1.0, 0.5])
    EvaluationRun.objects.filter(pk=candidate.pk).update(status="RUNNING")

    html = admin.get(_address(baseline, candidate)).content.decode()

    assert f"Run {candidate.pk} is not finished" in html
    assert f"Run {baseline.pk} is not finished" not in html


def test_verdicts_of_different_judges_are_not_compared_and_it_says_so(admin):
    baseline, candidate = _runs([1.0, 0.5], [1.0, 0.5], kind="ANSWER")
    for run, version in ((baseline, "1"), (candidate, "2")):
        for row in run.items.all():
            row.scores.create(name="groundedness", value=1.0, judge_version=version)

    response = admin.get(_address(baseline, candidate))

    assert "groundedness" not in [row.name for row in response.context["compared"][0].rows]
    assert "Groundedness is not compared: judged otherwise: version 1 in run" in response.content.decode()


def test_unscored_question_is_left_out_of_both_means(admin):
    baseline, candidate = _runs([1.0, 0.0, 0.5], [1.0, None, 0.5])

    row = _row(admin.get(_address(baseline, candidate)))

    assert (row.baseline.value, row.candidate.value, row.comparison.paired.difference.unscored) == (0.75, 0.75, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "on the test split of version 2"),
        ({"split": "DEV"}, "on the dev split of version 1"),
        ({"split": "ALL"}, "on all splits of version 1"),
        ({"k": 9}, "different cutoffs k"),
    ],
)
def test_runs_on_other_questions_are_refused_with_the_reason(admin, change, message):
    baseline, candidate = _runs([1.0, 0.5], [1.0, 0.5])
    EvaluationRun.objects.filter(pk=candidate.pk).update(**change)

    response = admin.get(_address(baseline, candidate))

    assert response.status_code == 422
    assert message in response.content.decode()


def test_runs_on_other_datasets_are_refused(admin):
    response = admin.get(_address(*_runs([1.0]), *_runs([1.0])))

    assert response.status_code == 422
    assert "different datasets" in response.content.decode()


@pytest.mark.parametrize("query", ["", "?run=x", "?run=12345&run=12346"])
def test_comparison_of_nothing_says_what_is_needed(admin, query):
    response = admin.get(reverse(COMPARE) + query)

    assert response.status_code == 422
    assert "needs two runs or more" in response.content.decode()


def test_runs_without_results_have_nothing_in_common(admin):
    dataset = make_dataset()

    response = admin.get(_address(make_run(dataset=dataset), make_run(dataset=dataset)))

    assert "no scored question in common" in response.content.decode()


@pytest.mark.parametrize(
    ("show", "questions"),
    [
        ("", ["Question 1?", "Question 0?"]),
        ("lost", ["Question 1?", "Question 0?"]),
        ("won", ["Question 3?"]),
        ("all", ["Question 1?", "Question 3?", "Question 0?"]),
        ("nonsense", ["Question 1?", "Question 0?"]),
    ],
)
def test_questions_are_shown_that_lost_or_won_the_largest_change_first(admin, show, questions):
    baseline, candidate = _runs([1.0, 1.0, 0.5, 0.25], [0.5, 0.0, 0.5, 1.0])

    response = admin.get(_address(baseline, candidate, show=show))

    assert [change.question for change in response.context["page"]] == questions
    assert [count for _, _, count in response.context["shows"]] == [2, 1, 3]


def test_regression_opens_to_both_rankings(admin):
    baseline, candidate = _runs([1.0, 1.0], [1.0, 0.0])
    lost = candidate.items.last().item

    html = admin.get(_address(baseline, candidate)).content.decode()

    url = reverse("admin:monitoring_evaluationrun_item", args=[lost.pk])
    assert f'href="{url}?run={baseline.pk}&amp;run={candidate.pk}"' in html
    assert f'hx-get="{url}?run={baseline.pk}&amp;run={candidate.pk}"' in html
    assert admin.get(f"{url}?run={baseline.pk}&run={candidate.pk}").status_code == 200


def test_changes_follow_candidate_and_measure(admin):
    baseline, same, worse = _runs([1.0, 1.0], [1.0, 1.0], [1.0, 0.0])

    response = admin.get(_address(baseline, same, worse, candidate=worse.pk, measure="hit_rate"))

    assert response.context["candidate"] == worse
    assert [change.candidate for change in response.context["page"]] == [0.0]


def test_comparison_costs_the_same_however_many_questions_there_are(admin, django_assert_max_num_queries):
    runs = _runs([1.0, 0.5] * 15, [0.5, 1.0] * 15)
    admin.get(_address(*runs))

    with django_assert_max_num_queries(18):
        admin.get(_address(*runs))
