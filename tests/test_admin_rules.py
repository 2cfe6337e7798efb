"""Judge rules and scores in the admin: the list with its figures, the form with what it would look at, old traffic."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from chat.rag.config import Provider
from monitoring.judging.figures import Counts, figures_of, preview_of
from monitoring.judging.nudges import JUDGE_DUE
from monitoring.models import Backfill, JudgeRule, Score
from tests.factories import make_collection, make_user
from tests.judged import ago, make_finished, make_many, make_rule, make_score

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider(settings):
    JudgeRule.objects.all().delete()  # those that a migration makes
    settings.PROVIDERS = {"fake": Provider("fake", "http://127.0.0.1:1/v1")}


@pytest.fixture
def operator(client):
    return signed_in(client, "operator")


def signed_in(client, *groups):
    user = make_user(is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client.force_login(user)
    return client


def url(name, *args):
    return reverse(f"admin:monitoring_judgerule_{name}", args=args)


def fields(**overrides):
    return {
        "name": "A rule",
        "is_active": "on",
        "judge": "relevance",
        "model": "fake/judge",
        "origin": "USER",
        "sampling_rate": "1",
        "collection": "",
        "config": "",
        "daily_cap_calls": "",
        "daily_cap_usd": "",
        **overrides,
    }


@pytest.fixture
def known_model():
    """The scripted list of models, as the cache keeps it for a minute."""
    cache.set("models", ["offline/extractive", "fake/judge"], 60)
    yield
    cache.delete("models")


def test_the_list_shows_what_each_rule_did(operator):
    rule = make_rule(name="Relevance by a model", daily_cap_calls=10)
    off = make_rule(name="Off", is_active=False)
    make_rule(name="Broken", judge="no_such_judge")
    judged, failed, _waits = make_many(3)
    make_score(judged, rule)
    make_score(failed, rule, value=None)

    page = operator.get(url("changelist"))

    text = " ".join(page.content.decode().split())
    assert "3 match, 1 of 3 judged, 1 unscored" in text
    assert "2 of 10" in text
    assert "cannot judge" in text
    assert figures_of([rule, off])[rule.pk].counts == Counts(3, 3, 1, 1)


def test_the_list_costs_the_same_for_many_turns(operator, django_assert_max_num_queries):
    make_rule()
    make_many(2)
    operator.get(url("changelist"))

    make_many(30)

    with django_assert_max_num_queries(12):
        operator.get(url("changelist"))


def test_a_rule_is_made_with_a_judge_and_a_model_that_is_known(operator, known_model):
    response = operator.post(url("add"), fields())

    assert response.status_code == 302
    rule = JudgeRule.objects.get()
    assert (rule.judge, rule.model, rule.sampling_rate) == ("relevance", "fake/judge", 1.0)
    assert abs((timezone.now() - rule.since).total_seconds()) < 60


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"model": ""}, "asks a language model"),
        ({"model": "unknown/judge"}, "not one of the available choices"),
        ({"judge": "groundedness_offline"}, "works without a model"),
        ({"sampling_rate": "1.5"}, "less than or equal to 1"),
        ({"daily_cap_usd": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_words(operator, known_model, overrides, words):
    response = operator.post(url("add"), fields(**overrides))

    assert words in response.content.decode()
    assert JudgeRule.objects.count() == 0


def test_another_model_looks_at_what_finishes_from_then_on(operator, known_model):
    rule = make_rule(model="fake/other", since=ago(days=3))
    page = url("change", rule.pk)

    operator.post(page, fields(name="Renamed", model="fake/other"))
    rule.refresh_from_db()
    assert (rule.name, rule.since < ago(days=2)) == ("Renamed", True)

    operator.post(page, fields(name="Renamed", model="fake/judge"))
    rule.refresh_from_db()
    assert rule.since > ago(minutes=1)


def test_the_preview_says_what_a_rule_would_look_at(operator, known_model):
    collection = make_collection()
    make_finished(question="Inside?", collection=collection)
    make_finished(question="Outside?")
    make_finished(question="Long ago?", finished_at=ago(days=2))

    page = operator.post(url("preview"), fields(name="", judge="refusal_offline", model="", collection=collection.pk))

    text = " ".join(page.content.decode().split())
    assert "Of the 2 turns of the last 24 hours 1 matches, and 1 of these is in the sample." in text
    assert "Inside?" in text
    assert "Outside?" not in text
    assert "Cost: none" in text


def test_the_preview_knows_a_cost_from_earlier_verdicts_only(operator):
    rule = make_rule()
    assert preview_of(rule).cost_usd is None

    make_score(make_finished(), rule, cost_usd="0.02")
    make_finished()

    assert preview_of(rule).cost_usd == Decimal("0.04")


def test_a_preview_of_an_unfinished_form_says_what_is_missing(operator, known_model):
    page = operator.post(url("preview"), fields(sampling_rate="a lot"))

    assert "Choose a judge" in page.content.decode()


def test_old_traffic_is_ordered_by_days_and_shows_its_progress(operator, known_model):
    rule = make_rule()
    for _ in range(2):
        make_finished(finished_at=ago(days=40))
    days = {"begin": ago(days=41).date().isoformat(), "end": ago(days=39).date().isoformat()}

    estimate = operator.post(url("estimate", rule.pk), days)
    assert "<dd>2</dd>" in estimate.content.decode()

    response = operator.post(url("backfill", rule.pk), days)
    assert response.status_code == 302
    order = Backfill.objects.get()
    assert (order.total_turns, order.status) == (2, "RUNNING")
    assert OrmQ.objects.get().task["func"] == JUDGE_DUE
    make_score(make_finished(finished_at=ago(days=40)), rule)
    page = operator.get(url("change", rule.pk)).content.decode()
    assert "Judging old traffic" in page
    assert "0 of 2" in operator.get(url("going", order.pk)).content.decode()

    operator.post(url("cancel", order.pk))
    order.refresh_from_db()
    assert order.status == "CANCELLED"
    assert operator.get(url("going", order.pk)).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ({"begin": "2020-01-02", "end": "2020-01-01"}, "before the first"),
        ({"begin": "2020-01-01", "end": "2020-01-02"}, "Nothing is due"),
        ({"begin": "", "end": "2020-01-02"}, "required"),
    ],
)
def test_days_that_cannot_be_judged_are_refused_in_words(operator, days, words):
    response = operator.post(url("backfill", make_rule().pk), days)

    assert response.status_code == 422
    assert words in response.content.decode()


def test_what_failed_for_good_is_tried_again_when_a_person_says_so(operator, known_model):
    rule = make_rule()
    score = make_score(make_finished(), rule, value=None, attempts=3)
    assert "1 of the last days failed" in operator.get(url("change", rule.pk)).content.decode()

    operator.post(url("again", rule.pk))

    score.refresh_from_db()
    assert (score.attempts, score.value) == (0, None)
    assert score.retry_at <= timezone.now()
    assert "not tried again" not in operator.get(url("change", rule.pk)).content.decode()


def test_a_rule_that_cannot_judge_says_why_on_its_page(operator, known_model):
    rule = make_rule(model="unknown/judge")

    assert "No model server" in operator.get(url("change", rule.pk)).content.decode()


def test_scores_are_shown_with_their_reasons_and_cannot_be_changed(operator):
    rule = make_rule()
    failed = make_score(make_finished(question="Why not?"), rule, value=None, error="No label was given.")
    make_score(make_finished(question="Why?"), rule, explanation="It fits.")
    changelist = reverse("admin:monitoring_score_changelist")

    page = operator.get(changelist).content.decode()
    assert "No label was given." in page
    assert "RELEVANT (1.00)" in page
    only_failed = operator.get(changelist, {"verdict": "failed", "origin": "USER", "criterion": "relevance"})
    assert "Why not?" in only_failed.content.decode()
    assert "It fits." not in only_failed.content.decode()
    change = reverse("admin:monitoring_score_change", args=[failed.pk])
    assert operator.get(change).status_code == 200
    assert operator.post(change, {"value": "1"}).status_code == 403
    assert Score.objects.get(pk=failed.pk).value is None


# Who may do what: (see the list, see a rule, add one, order old traffic, cancel, try again)
@pytest.mark.parametrize(
    ("groups", "allowed"),
    [
        (("operator",), (True, True, True, True, True, True)),
        (("reviewer",), (True, True, False, False, False, False)),
        ((), (False, False, False, False, False, False)),
    ],
)
def test_operators_configure_reviewers_look_and_nobody_else_sees(client, known_model, groups, allowed):
    rule = make_rule()
    order = Backfill.objects.create(rule=rule, begin=ago(days=3), end=ago(days=2))
    staff = signed_in(client, *groups)

    answers = (
        staff.get(url("changelist")),
        staff.get(url("change", rule.pk)),
        staff.get(url("add")),
        staff.get(url("backfill", rule.pk)),
        staff.post(url("cancel", order.pk)),
        staff.post(url("again", rule.pk)),
    )

    assert tuple(answer.status_code != 403 for answer in answers) == allowed


def test_nobody_gets_there_without_signing_in(client):
    rule = make_rule()

    for page in (url("changelist"), url("change", rule.pk), url("backfill", rule.pk)):
        assert client.get(page).status_code == 302


@pytest.mark.parametrize("name", ["preview", "estimate", "cancel", "again"])
def test_what_changes_or_asks_much_is_no_link(operator, name):
    args = [] if name == "preview" else [make_rule().pk]

    assert operator.get(url(name, *args)).status_code == 405
