"""How large runs would be, before they are started: how many questions are asked, and what answers would cost, going by
what earlier turns of the same model cost. What nothing is known of is unknown, not free."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum

from chat.models import LLMCall, PipelineConfig, Turn
from chat.rag.config import Purpose
from chat.rag.embed import LOCAL_NAME
from chat.rag.offline import OFFLINE_MODEL
from monitoring.evaluation.questions import items_of
from monitoring.models import Dataset, EvaluationRun

RECENT_TURNS = 200  # how many of a model's latest turns or judged turns the mean cost is taken of
FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is going to be asked. `cost_usd` is None where it cannot be known; `unknown` then says of what."""

    items: int
    asked: int  # items x repetitions x configs
    cost_usd: Decimal | None
    unknown: tuple[str, ...]


def estimate_runs(
    *,
    dataset: Dataset,
    version: int,
    split: str,
    configs: Sequence[PipelineConfig],
    kind: str,
    repeat: int = 1,
    item_limit: int | None = None,
    judge_model: str = "",
    round_trip: bool = False,
) -> Estimate:
    """Return the size of a run for each of `configs`. Two or three queries, and two for each model. Asking back is
    counted as answering twice."""
    items = items_of(EvaluationRun(dataset=dataset, version=version, split=split, item_limit=item_limit)).count()
    asked = items * repeat * len(configs)
    total, unknown = FREE, []
    for config in configs:
        if kind == EvaluationRun.Kind.RETRIEVAL:
            cost, of = (FREE if config.embedder.name == LOCAL_NAME else None), config.embedder.name
        else:
            cost, of = cost_per_answer(config.model), config.model
        if cost is None:
            unknown.append(of)
        else:
            total += cost * items * repeat * (2 if round_trip else 1)
    if judge_model:
        cost = cost_per_verdict(judge_model)
        if cost is None:
            unknown.append(judge_model)
        else:
            total += cost * asked
    return Estimate(items, asked, None if unknown else total, tuple(dict.fromkeys(unknown)))


def cost_per_answer(model: str) -> Decimal | None:
    """Return what a turn of this model cost lately, on the mean of those whose cost is known; None: of none."""
    if model == OFFLINE_MODEL:
        return FREE
    costs = Turn.objects.filter(model=model, cost_usd__isnull=False).order_by("-pk")
    known = list(costs.values_list("cost_usd", flat=True)[:RECENT_TURNS])
    return sum((cost for cost in known if cost is not None), FREE) / len(known) if known else None


def cost_per_verdict(model: str) -> Decimal | None:
    """Return what judging one answer by this model cost lately, all judges of it together; None: unknown."""
    calls = LLMCall.objects.filter(model=model, purpose=Purpose.JUDGE, cost_usd__isnull=False, turn__isnull=False)
    calls = calls.filter(origin=None)  # a turn that was judged again and again to measure the judge is no example
    turns = calls.order_by("-turn_id").values_list("turn_id", flat=True).distinct()[:RECENT_TURNS]
    found = calls.filter(turn__in=list(turns)).aggregate(cost=Sum("cost_usd"), turns=Count("turn", distinct=True))
    return found["cost"] / found["turns"] if found["turns"] else None
