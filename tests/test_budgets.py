"""Budgets: what they let in, what they count, and whom they warn. Real PostgreSQL, real threads, the scripted model.

With the prices here an answer of 1000 and 100 tokens costs 0.0028 dollars.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from chat import streaming
from chat.exceptions import BudgetUsedUpError
from chat.models import Budget, BudgetHold, BudgetMonth, Conversation, LLMCall, ModelPrice, Turn
from chat.models.budget import this_month
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Provider, Purpose, Usage
from chat.services.budget_standing import standings
from chat.services.budgets import check_site_budget
from chat.services.ceiling import ceiling_usd
from chat.services.configs import ensure_default_config
from chat.services.conversations import ask, regenerate, start_conversation
from chat.services.spending import any_budgets, ledger_of, recount, recount_old
from chat.services.turns import record_calls, request_stop
from chat.signals import budget_warning
from tests.factories import make_call, make_conversation, make_turn, make_user
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

ANSWER_USD = Decimal("0.0028")
MODEL = "fake/default"


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        fake.script = lambda request: Reply(
            "The green button [1].", usage={"prompt_tokens": 1000, "completion_tokens": 100}
        )
        yield fake


@pytest.fixture
def priced(fake_llm):
    """A knowledge base, and a model that costs 2 and 8 dollars a million tokens."""
    make_knowledge()
    ModelPrice.objects.create(
        model=MODEL, input_usd_per_million=2, output_usd_per_million=8, valid_from=timezone.now() - timedelta(days=40)
    )
    return fake_llm


def make_budget(usd: str = "1.00", **overrides) -> Budget:
    scope = "USER" if "user" in overrides else "GROUP" if "group" in overrides else "EVERYTHING"
    return Budget.objects.create(**{"scope": scope, "monthly_usd": Decimal(usd), **overrides})


def spend_before(user, usd: str) -> None:
    """Store an earlier answer of a user's that cost so much."""
    make_call(turn=make_turn(conversation=make_conversation(user=user)), cost_usd=Decimal(usd))


def start(user, **options) -> Turn:
    return start_conversation(user=user, question="How is the pump started?", **{"model": MODEL, **options})


def answer(turn: Turn) -> Turn:
    asyncio.run(streaming.produce_now(turn.pk, wait_seconds=20))
    turn.refresh_from_db()
    return turn


def spent(budget: Budget) -> Decimal:
    return BudgetMonth.objects.get(budget=budget, month=this_month()).spent_usd


# What is let in


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", ["EVERYTHING", "GROUP", "USER"])
def test_a_used_up_budget_refuses_and_says_until_when_and_whom_to_ask(alice, priced, scope):
    group = Group.objects.create(name="sales")
    alice.groups.add(group)
    whose = {"EVERYTHING": {}, "GROUP": {"group": group}, "USER": {"user": alice}}[scope]
    words = {"EVERYTHING": "The budget of this site", "GROUP": 'The budget of the group "sales"', "USER": "Your budget"}
    make_budget("1.00", contact="the IT desk", **whose)
    spend_before(alice, "1.00")

    with pytest.raises(BudgetUsedUpError) as refused:
        start(alice)

    begins = (this_month().replace(day=28) + timedelta(days=4)).replace(day=1)
    assert str(refused.value) == (
        f"{words[scope]} for this month is used up. It starts anew on 1 {begins:%B}. Ask the IT desk for more."
    )
    assert Conversation.objects.count() == 1  # the earlier one: nothing of the refused question is left
    assert not BudgetHold.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_others_budgets_do_not_refuse(alice, mallory, priced):
    mallory.groups.add(Group.objects.create(name="sales"))
    make_budget("0.01", user=mallory)
    make_budget("0.01", group=mallory.groups.get())
    spend_before(mallory, "5")

    assert answer(start(alice)).status == "DONE"


@pytest.mark.django_db(transaction=True)
def test_what_costs_nothing_is_let_in_though_nothing_is_left(alice, priced):
    make_budget("1.00")
    spend_before(alice, "2")

    assert answer(start(alice, model="offline/extractive")).status == "DONE"


@pytest.mark.django_db(transaction=True)
def test_a_refused_question_leaves_its_conversation_as_it_was(alice, priced):
    turn = answer(start(alice))
    make_budget("0.01", user=alice)
    spend_before(alice, "1")

    with pytest.raises(BudgetUsedUpError):
        ask(conversation=turn.conversation, question="And stopped?")
    with pytest.raises(BudgetUsedUpError):
        regenerate(turn=turn, user=alice)

    turn.refresh_from_db()
    assert turn.is_current
    assert turn.conversation.turns.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_rest_is_set_aside_for_answers_on_their_way(alice, priced):
    make_budget("0.10", user=alice)
    first = start(alice)

    with pytest.raises(BudgetUsedUpError, match="set aside for answers that are being written"):
        start(alice)
    assert BudgetHold.objects.get().usd > Decimal("0.10")
    answer(first)

    assert not BudgetHold.objects.exists()
    start(alice)


@pytest.mark.django_db(transaction=True)
def test_a_turn_that_is_stopped_before_it_begins_holds_nothing(alice, priced):
    make_budget("0.10", user=alice)

    request_stop(turn=start(alice))

    start(alice)


@pytest.mark.django_db
def test_ceiling_of_an_answer():
    recipe = ensure_default_config().recipe()
    ModelPrice.objects.create(
        model=recipe.model, input_usd_per_million=2, output_usd_per_million=8, valid_from=timezone.now()
    )

    # 47,500 characters of prompt and 32,768 tokens of answer; 16,000 and 200 to rewrite a question
    assert ceiling_usd(recipe) == Decimal("0.095") + Decimal("0.262144") + Decimal("0.032") + Decimal("0.0016")


@pytest.mark.django_db(transaction=True)
def test_twenty_questions_at_once_exceed_a_budget_by_one_answer_at_most(priced):
    """Six times 20 people ask in the same moment; what is let in is answered before they ask again."""
    priced.script = lambda request: Reply("Yes [1].", usage={"prompt_tokens": 20_000, "completion_tokens": 10_000})
    group = Group.objects.create(name="sales")
    users = [make_user() for _ in range(20)]
    group.user_set.set(users)
    budget = make_budget("0.90", group=group)
    together = threading.Barrier(20)

    def ask_once(user) -> Turn | str:
        together.wait()
        try:
            return start(user)
        except BudgetUsedUpError as error:
            return str(error)
        finally:
            connection.close()

    async def answer_all(turns: list[Turn]) -> None:
        await asyncio.gather(*(streaming.produce_now(turn.pk, wait_seconds=30) for turn in turns))

    let_in = []
    with ThreadPoolExecutor(20) as threads:
        for _ in range(6):
            said = list(threads.map(ask_once, users))
            turns = [one for one in said if isinstance(one, Turn)]
            asyncio.run(answer_all(turns))
            let_in.append(len(turns))

    # An answer costs 0.12 dollars and may cost 0.39: in the first moment 0, 0.39 and 0.78 are set aside of 0.90.
    assert let_in == [3, 2, 1, 1, 1, 0]
    assert all("is used up" in str(one) for one in said)
    assert spent(budget) == 8 * Decimal("0.12") == Decimal("0.96")  # below 0.90 and an answer more
    assert ledger_of(budget, this_month()) == (Decimal("0.96"), 0)


# What is counted


@pytest.mark.django_db(transaction=True)
def test_the_running_sums_are_those_of_the_ledger(alice, mallory, priced):
    group = Group.objects.create(name="sales")
    alice.groups.add(group)
    everything, of_group, of_alice = make_budget(), make_budget(group=group), make_budget(user=alice)
    of_mallory = make_budget(user=mallory)
    price = {"usage": Usage(1_000, 0), "duration_seconds": 1.0, "prompt_name": "", "prompt_sha256": ""}
    judge = CallData(purpose=Purpose.JUDGE, model=MODEL, cost_usd=Decimal("0.002"), **price)
    unknown = CallData(purpose=Purpose.QUESTION, model="fake/unheard-of", **price)
    turn = answer(start(alice))
    answer(start(mallory))
    answer(start(None, origin="API"))

    record_calls(calls=[judge], turn_id=turn.pk)
    record_calls(calls=[judge, unknown], origin="EVALUATION")
    record_calls(calls=[judge], origin="SYNTHETIC")

    kept = {
        budget: BudgetMonth.objects.values_list("spent_usd", "unknown_calls").get(budget=budget)
        for budget in (everything, of_group, of_alice, of_mallory)
    }
    assert kept == {
        everything: (3 * ANSWER_USD + Decimal("0.004"), 1),
        of_group: (ANSWER_USD, 0),
        of_alice: (ANSWER_USD, 0),
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


# Doors


@pytest.mark.django_db(transaction=True)
def test_the_page_refuses_in_place(alice, priced, client):
    make_budget("0.01", user=alice)
    spend_before(alice, "1")
    client.force_login(alice)
    asked = {"question": "How is the pump started?", "model": MODEL, "search_mode": "", "collection": ""}

    response = client.post(reverse("chat:create-conversation"), asked, headers={"HX-Request": "true"})

    assert response.status_code == 422
    assert response["HX-Retarget"] == "#error"
    assert "Your budget for this month is used up." in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_without_javascript_the_refused_question_is_in_the_box_of_the_next_page(alice, priced, client):
    turn = answer(start(alice))
    make_budget("0.01", user=alice)
    spend_before(alice, "1")
    client.force_login(alice)
    asked = {"question": "And <how> is it stopped?", "model": MODEL, "search_mode": "", "collection": ""}

    for url in (reverse("chat:create-conversation"), reverse("chat:create-turn", args=[turn.conversation_id])):
        page = client.post(url, asked, follow=True).content.decode()

        assert "Your budget for this month is used up." in page
        assert "And &lt;how&gt; is it stopped?</textarea>" in page
        assert "is it stopped?</textarea>" not in client.get(reverse("chat:home")).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_command_refuses(priced):
    make_budget("0.01")
    make_call(turn=make_turn(), cost_usd=1)

    with pytest.raises(CommandError, match=r"The budget of this site for this month is used up\."):
        call_command("ask", "How is the pump started?", model=MODEL)
