"""What tests of budgets share: a model with a price, questions and answers, and what was spent.

With the prices here an answer of 1000 and 100 tokens costs 0.0028 dollars.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from chat import streaming
from chat.models import Budget, BudgetMonth, ModelPrice, Turn
from chat.models.budget import this_month
from chat.rag.config import Provider
from chat.services.conversations import start_conversation
from tests.factories import make_call, make_conversation, make_turn
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

ANSWER_USD = Decimal("0.0028")
MODEL = "fake/default"


@contextmanager
def charging(settings) -> Iterator[FakeLLM]:
    """Run the scripted model, each answer of which has 1000 and 100 tokens."""
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        fake.script = lambda request: Reply(
            "The green button [1].", usage={"prompt_tokens": 1000, "completion_tokens": 100}
        )
        yield fake


def make_priced() -> None:
    """Make a knowledge base, and a price of 2 and 8 dollars a million tokens for the model."""
    make_knowledge()
    ModelPrice.objects.create(
        model=MODEL, input_usd_per_million=2, output_usd_per_million=8, valid_from=timezone.now() - timedelta(days=40)
    )


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
