"""Does a judge say the same when it is asked again? Turns that it judged are put to it several times more.

Repeats are no scores: nothing is flagged by them and no figure of traffic has them. Their calls are calls of judges,
and stored with the turn, but with the origin EVALUATION: they measure the judge, whatever the turn was asked for. A
judge without a model always says the same; that is measured, not assumed.

Formula   of all pairs of repeats of a turn, the share with the same label; the mean over turns
Interval  95 %, clustered by conversation
Empty     no turn was repeated: "not measured"
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import combinations
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from chat.database import in_database
from chat.models.conversation import Origin
from chat.rag.config import LLMCall
from chat.services.budgets import check_site_budget
from chat.services.turns import record_calls
from monitoring.judges.base import Judge, JudgedTurn, JudgeTools
from monitoring.models import JudgeRepeat, JudgeVersion
from monitoring.quality.figures import Figure, figure
from monitoring.statistics.intervals import mean_interval

NOT_MEASURED = "Not measured: no turn was judged twice or more with success."


async def repeat_verdicts(
    *,
    version: JudgeVersion,
    judge: Judge,
    tools: JudgeTools,
    turns: Mapping[int, JudgedTurn],
    repeats: int,
    concurrency: int,
    on_progress: Callable[[int], object] = int,
) -> int:
    """Ask a judge `repeats` times about each turn, and store what it says, each at once; return how many have a value.

    Repetitions go on from those that there are. Raises ConfigurationError for a model that is not set up,
    BudgetUsedUpError when nothing is left of the budget for everything.
    """
    await in_database(check_site_budget, [tools.model])
    first = await in_database(_last_repetitions, version, list(turns))
    hands = asyncio.Semaphore(concurrency)

    async def one(turn_id: int, repetition: int) -> bool:
        async with hands:
            calls: list[LLMCall] = []
            verdict = await judge.judge(turns[turn_id], tools, calls.append)
            row = JudgeRepeat(
                judge_version=version,
                turn_id=turn_id,
                repetition=repetition,
                value=verdict.value,
                label=verdict.label,
                error=verdict.error[:500],
            )
            await in_database(_store, row, calls)
            on_progress(1)
            return verdict.value is not None

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one(turn_id, first.get(turn_id, 0) + number + 1))
            for number in range(repeats)
            for turn_id in turns
        ]
    return sum(task.result() for task in tasks)


def consistency(version: JudgeVersion) -> Figure:
    """Return how often a version says the same of the same turn. One query."""
    rows = JudgeRepeat.objects.filter(judge_version=version, value__isnull=False).values_list(
        "turn_id", "turn__conversation_id", "label", "value"
    )
    said: dict[tuple[int, UUID], list[str | float]] = defaultdict(list)
    for turn_id, conversation_id, label, value in rows:
        said[turn_id, conversation_id].append(label or float(value or 0.0))
    shares, conversations = [], []
    for (_, conversation_id), labels in said.items():
        pairs = list(combinations(labels, 2))
        if pairs:
            shares.append(sum(first == second for first, second in pairs) / len(pairs))
            conversations.append(conversation_id)
    return figure(
        mean_interval(shares, conversations),
        otherwise=NOT_MEASURED,
        one_cluster="All repeated turns are of one conversation, which says nothing of others.",
    )


def _last_repetitions(version: JudgeVersion, turn_ids: list[int]) -> dict[int, int]:
    rows = JudgeRepeat.objects.filter(judge_version=version, turn__in=turn_ids).order_by()
    return dict(rows.values("turn_id").annotate(last=Max("repetition")).values_list("turn_id", "last"))


def _store(row: JudgeRepeat, calls: list[LLMCall]) -> None:
    with transaction.atomic():
        row.save()
        record_calls(calls=calls, turn_id=row.turn_id, origin=Origin.EVALUATION)
