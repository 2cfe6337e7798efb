"""What became of an order, in numbers."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from monitoring.models import GeneratedQuestion, Generation, GenerationTask

Outcome, TaskStatus = GeneratedQuestion.Outcome, GenerationTask.Status


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers of an order; `dropped` by reason, most frequent first."""

    tasks: int
    done_tasks: int
    failed_tasks: int
    unchecked_tasks: int  # done, but their check failed
    kept: int
    waiting: int
    dropped: tuple[tuple[str, int], ...]
    calls: int
    unpriced_calls: int  # of which the cost is unknown
    cost_usd: Decimal  # of the others

    @property
    def dropped_count(self) -> int:
        return sum(number for _, number in self.dropped)


def summarise(generation: Generation) -> Summary:
    """Return the numbers of an order. Two queries."""
    status = TaskStatus
    tasks = generation.tasks.aggregate(
        tasks=Count("pk"),
        done=Count("pk", filter=Q(status=status.DONE)),
        failed=Count("pk", filter=Q(status=status.FAILED)),
        unchecked=Count("pk", filter=Q(status=status.DONE) & ~Q(error="")),
        calls=Sum("calls", default=0),
        unpriced=Sum("unpriced_calls", default=0),
        cost=Sum("cost_usd", default=Decimal(0)),
    )
    rows = generation.questions.order_by().values_list("outcome").annotate(number=Count("pk"))
    outcomes = dict(rows.values_list("outcome", "number"))
    kept, waiting = outcomes.pop(Outcome.KEPT, 0), outcomes.pop(Outcome.WAITING, 0)
    dropped = sorted(outcomes.items(), key=lambda entry: -entry[1])
    return Summary(
        tasks=tasks["tasks"],
        done_tasks=tasks["done"],
        failed_tasks=tasks["failed"],
        unchecked_tasks=tasks["unchecked"],
        kept=kept,
        waiting=waiting,
        dropped=tuple((Outcome(outcome).label, number) for outcome, number in dropped),
        calls=tasks["calls"],
        unpriced_calls=tasks["unpriced"],
        cost_usd=tasks["cost"],
    )


def cost_in_words(cost_usd: Decimal | None) -> str:
    """Return an amount as people read it; small ones with the digits that matter."""
    if cost_usd is None:
        return "unknown (the price of the model is not known)"
    return f"${cost_usd:.2f}" if cost_usd >= Decimal("0.1") or not cost_usd else f"${cost_usd:.2g}"
