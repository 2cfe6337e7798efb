"""Budgets: what they let in, and what those read whom they refuse; with real threads and the scripted model."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from chat import streaming
from chat.exceptions import BudgetUsedUpError
from chat.models import BudgetHold, Conversation, ModelPrice, Turn
from chat.models.budget import this_month
from chat.services.ceiling import ceiling_usd
from chat.services.configs import ensure_default_config
from chat.services.conversations import ask, regenerate
from chat.services.spending import ledger_of
from chat.services.turns import request_stop
from tests.budgeted import MODEL, answer, charging, make_budget, make_priced, spend_before, spent, start
from tests.factories import make_call, make_turn, make_user
from tests.fake_replies import Reply


@pytest.fixture
def fake_llm(settings):
    with charging(settings) as fake:
        yield fake


@pytest.fixture
def priced(fake_llm):
    make_priced()
    return fake_llm


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
