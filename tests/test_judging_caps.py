"""What caps leave room for: verdicts a day, and dollars."""

from decimal import Decimal

import pytest

from chat.rag.config import Provider
from monitoring.judging.spending import room_for, spending_of
from monitoring.models import JudgeRule, Score
from tests.judged import ago, due, make_finished, make_many, make_rule, make_score
from tests.judging_claims import claim

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider(settings):
    JudgeRule.objects.all().delete()  # those that a migration makes
    settings.PROVIDERS = {"fake": Provider("fake", "http://127.0.0.1:1/v1")}


def test_room_counts_what_is_on_its_way():
    rule = make_rule(daily_cap_calls=5)
    for turn in make_many(2):
        make_score(turn, rule)
    make_many(9)

    assert len(claim(due())) == 3
    assert claim(due()) == []
    assert room_for(rule, spending_of([rule.pk])[rule.pk]) == 0


def test_what_was_spent_yesterday_counts_no_more():
    rule = make_rule(daily_cap_calls=1)
    score = make_score(make_finished(), rule)
    Score.objects.filter(pk=score.pk).update(updated_at=ago(days=1.01))
    make_finished()

    assert len(claim(due())) == 1


def test_a_cap_of_nothing_lets_nothing_through():
    make_rule(daily_cap_calls=0)
    make_finished()

    assert claim(due()) == []


def test_dollars_are_held_by_the_dearest_verdict_of_late():
    rule = make_rule(daily_cap_usd=Decimal("0.10"))
    for turn, cost in zip(make_many(2), ("0.01", "0.03"), strict=True):
        make_score(turn, rule, cost_usd=Decimal(cost))
    make_many(9)

    assert len(claim(due())) == 2  # 0.04 are spent, and 2 x 0.03 more is the cap


def test_the_first_verdict_under_a_cap_in_dollars_goes_alone():
    make_rule(daily_cap_usd=Decimal(1))
    make_many(3)

    assert len(claim(due())) == 1
    assert claim(due()) == []


def test_an_unknown_cost_is_held_by_no_cap_in_dollars_and_is_counted():
    rule = make_rule(daily_cap_usd=Decimal(1))
    make_score(make_finished(), rule, cost_usd=None)
    make_many(3)

    assert spending_of([rule.pk])[rule.pk].unpriced == 1
    assert len(claim(due())) == 3


def test_a_cap_holds_back_its_own_rule_only():
    make_rule(daily_cap_calls=0)
    grounded = make_rule(judge="groundedness_offline")
    make_many(2)

    assert {one.rule_id for one in claim(due())} == {grounded.pk}
