"""Budgets: what counts for them, whom they warn and when, how they stand, and what the database refuses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from chat.models import Budget, BudgetMonth, LLMCall
from chat.models.budget import this_month
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Purpose, Usage
from chat.services.budget_standing import standings
from chat.services.budgets import check_site_budget
from chat.services.configs import ensure_default_config
from chat.services.spending import any_budgets, ledger_of, recount, recount_old
from chat.services.turns import record_calls
from chat.signals import budget_warning
from tests.budgeted import ANSWER_USD, MODEL, answer, charging, make_budget, make_priced, spend_before, spent, start
from tests.factories import make_call, make_conversation, make_turn


@pytest.fixture
def fake_llm(settings):
    with charging(settings) as fake:
        yield fake


@pytest.fixture
def priced(fake_llm):
    make_priced()
    return fake_llm


@pytest.mark.django_db(transaction=True)
def test_the_running_sums_are_those_of_the_ledger(alice, mallory, priced):
    group = Group.objects.create(name="sales")
    alice.groups.add(group)
    everything, of_group, of_alice = make_budget(), make_budget(group=group), make_budget(user=alice)
    of_mallory = make_budget(user=mallory)
    price = {"usage": Usage(1_000, 0), "duration_seconds": 1.0, "prompt_name": "", "prompt_sha256": ""}
    judge = CallData(purpose=Purpose.JUDGE, model=MODEL, cost_usd=Decimal("0.002"), **price)
    vectors = CallData(purpose=Purpose.EMBEDDING, model=MODEL, cost_usd=Decimal("0.001"), **price)
    unknown = CallData(purpose=Purpose.QUESTION, model="fake/unheard-of", **price)
    turn = answer(start(alice))
    answer(start(mallory))
    answer(start(None, origin="API"))

    record_calls(calls=[judge], turn_id=turn.pk)
    record_calls(calls=[judge, unknown], origin="EVALUATION")
    record_calls(calls=[judge], origin="SYNTHETIC")
    record_calls(calls=[vectors], origin="API", user_id=alice.pk)

    kept = {
        budget: BudgetMonth.objects.values_list("spent_usd", "unknown_calls").get(budget=budget)
        for budget in (everything, of_group, of_alice, of_mallory)
    }
    assert kept == {
        everything: (3 * ANSWER_USD + Decimal("0.005"), 1),
        of_group: (ANSWER_USD + Decimal("0.001"), 0),
        of_alice: (ANSWER_USD + Decimal("0.001"), 0),
        of_mallory: (ANSWER_USD, 0),
    }
    assert {budget: ledger_of(budget, this_month()) for budget in kept} == kept
    BudgetMonth.objects.update(spent_usd=0, unknown_calls=0)
    assert {budget: (recount(budget).spent_usd, recount(budget).unknown_calls) for budget in kept} == kept


@pytest.mark.django_db(transaction=True)
def test_calls_stored_while_the_ledger_is_counted_are_in_the_sum_once(alice):
    budget = make_budget("100")
    call = CallData(Purpose.JUDGE, MODEL, "", "", 1.0, usage=Usage(1, 1), cost_usd=Decimal("0.01"))

    def store(number: int) -> None:
        try:
            for _ in range(10):
                record_calls(calls=[call], origin="EVALUATION")
                if number == 0:
                    recount(budget)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(store, range(4)))

    assert spent(budget) == ledger_of(budget, this_month())[0] == Decimal("0.40")


@pytest.mark.django_db
def test_last_month_and_synthetic_traffic_do_not_count(alice):
    budget = make_budget(user=alice)
    spend_before(alice, "0.50")
    make_call(turn=make_turn(conversation=make_conversation(user=alice), origin="SYNTHETIC"), cost_usd=7)
    old = make_call(turn=make_turn(conversation=make_conversation(user=alice)), cost_usd=9)
    first = datetime.combine(this_month(), datetime.min.time(), UTC)
    LLMCall.objects.filter(pk=old.pk).update(created_at=first - timedelta(seconds=1))

    assert recount(budget).spent_usd == Decimal("0.50")


@pytest.mark.django_db
def test_the_worker_counts_anew_what_is_an_hour_old_and_takes_in_who_joined(alice):
    group = Group.objects.create(name="sales")
    budget = make_budget(group=group)
    spend_before(alice, "0.50")
    assert (recount_old(), spent(budget)) == (1, 0)
    alice.groups.add(group)
    Budget.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert (recount_old(), spent(budget)) == (0, 0)

    BudgetMonth.objects.update(counted_at=timezone.now() - timedelta(hours=1, seconds=1))

    assert (recount_old(), spent(budget)) == (1, Decimal("0.50"))


@pytest.mark.django_db
def test_what_processes_did_not_add_before_they_knew_of_a_budget_is_counted_soon(alice):
    budget = make_budget(user=alice)
    recount(budget)
    spend_before(alice, "0.50")  # by a process that knew of no budget
    Budget.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    BudgetMonth.objects.update(counted_at=timezone.now() - timedelta(minutes=1))

    recount_old()

    assert spent(budget) == Decimal("0.50")


@pytest.mark.django_db
def test_without_budgets_a_question_costs_no_query_more(alice, settings, django_assert_num_queries):
    settings.REMEMBER_SECONDS = 60
    ensure_default_config()
    call = CallData(Purpose.JUDGE, MODEL, "", "", 1.0)
    any_budgets.forget()
    assert any_budgets() is False

    with django_assert_num_queries(0):
        check_site_budget([MODEL])
    with django_assert_num_queries(3):  # a savepoint, the calls, its release
        record_calls(calls=[call], origin="EVALUATION")
    any_budgets.forget()


# Warnings


@pytest.fixture
def warnings():
    heard: list[dict] = []

    def hear(**payload) -> None:
        heard.append(payload)

    budget_warning.connect(hear)
    yield heard
    budget_warning.disconnect(hear)


@pytest.mark.django_db(transaction=True)
def test_staff_is_warned_once_at_80_percent_and_once_at_the_end(warnings, caplog):
    budget = make_budget("1.00")
    call = CallData(Purpose.JUDGE, MODEL, "", "", 1.0, usage=Usage(1, 1), cost_usd=Decimal("0.10"))

    for _ in range(12):
        record_calls(calls=[call], origin="EVALUATION")

    said = [(one["budget_id"], one["spent_usd"], one["limit_usd"], one["is_used_up"]) for one in warnings]
    assert said == [(budget.pk, Decimal("0.80"), 1, False), (budget.pk, Decimal("1.00"), 1, True)]
    assert [record.getMessage().split(" budget=")[0] for record in caplog.records] == [
        "budget is nearly used up",
        "budget is used up",
    ]


# Standing


@pytest.mark.django_db
def test_standing_and_forecast(alice):
    budget = make_budget("30.00", user=alice)
    BudgetMonth.objects.create(
        budget=budget, month="2026-11-01", spent_usd=Decimal("12"), unknown_calls=3, counted_at=timezone.now()
    )

    standing = standings([budget], now=datetime(2026, 11, 11, tzinfo=UTC))[budget.pk]

    # 12 dollars in 10 of 30 days
    assert (standing.spent_usd, standing.unknown_calls, standing.days) == (12, 3, 10)
    assert round(standing.forecast_usd, 6) == 36
    assert (standing.ratio, standing.state) == (0.4, "likely to be used up")


@pytest.mark.django_db
@pytest.mark.parametrize(("usd", "state"), [("3", "within"), ("24", "nearly used up"), ("30", "used up")])
def test_state_on_the_first_day_is_without_a_forecast(usd, state):
    budget = make_budget("30.00")
    BudgetMonth.objects.create(budget=budget, month="2026-11-01", spent_usd=Decimal(usd))

    standing = standings([budget], now=datetime(2026, 11, 1, 12, tzinfo=UTC))[budget.pk]

    assert (standing.forecast_usd, standing.state) == (None, state)


# The database's rules


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"scope": "GROUP"}, "chat_budget_scope"),
        ({"scope": "USER"}, "chat_budget_scope"),
        ({"monthly_usd": 0}, "chat_budget_positive"),
        ({}, "chat_budget_one_everything"),
    ],
)
def test_the_database_refuses(values, rule):
    make_budget()

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Budget.objects.create(**{"monthly_usd": 5, **values})
