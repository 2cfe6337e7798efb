"""How budgets stand: what the month has cost so far, and what it will have cost at its end if it goes on like this."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from chat.models import Budget, BudgetHold, BudgetMonth
from chat.models.budget import WARN_RATIO, this_month
from chat.services.spending import month_after

# Less than a day says nothing of a month: nights and mornings differ too much.
FORECAST_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget's month so far."""

    limit_usd: Decimal
    spent_usd: Decimal  # of calls whose cost is known
    held_usd: Decimal  # what answers on their way may cost at most
    unknown_calls: int  # whose cost is in no sum
    days: float  # how much of the month has gone by
    forecast_usd: Decimal | None  # by the end of the month; None: too early to say

    @property
    def ratio(self) -> float:
        """What is spent of the limit; above 1 by what the last answer cost more."""
        return float(self.spent_usd / self.limit_usd)

    @property
    def is_near(self) -> bool:
        """Whether staff is warned."""
        return self.spent_usd >= WARN_RATIO * self.limit_usd

    @property
    def state(self) -> str:
        """Return "used up", "nearly used up", "likely to be used up" or "within"."""
        if self.spent_usd >= self.limit_usd:
            return "used up"
        if self.is_near:
            return "nearly used up"
        if self.forecast_usd is not None and self.forecast_usd >= self.limit_usd:
            return "likely to be used up"
        return "within"


def standings(budgets: Iterable[Budget], *, now: datetime | None = None) -> dict[int, Standing]:
    """Return how budgets stand, by id. Two queries.

    The forecast is what was spent times the days of the month by those that have gone by: it knows nothing of weekends
    or of what is planned, and rests on few days at the beginning of a month.
    """
    now = now or timezone.now()
    month = this_month(now)
    rows = list(budgets)
    spent = {row.budget_id: row for row in BudgetMonth.objects.filter(budget__in=rows, month=month)}
    holds = BudgetHold.objects.in_force().filter(budget__in=rows).order_by().values_list("budget")
    held = dict(holds.annotate(usd=Sum("usd")))
    begun = datetime(month.year, month.month, 1, tzinfo=UTC)
    gone, whole = now - begun, month_after(month) - begun
    found: dict[int, Standing] = {}
    for budget in rows:
        kept = spent.get(budget.pk)
        spent_usd = kept.spent_usd if kept else Decimal(0)
        forecast = spent_usd * Decimal(whole / gone) if gone >= FORECAST_AFTER else None
        found[budget.pk] = Standing(
            limit_usd=budget.monthly_usd,
            spent_usd=spent_usd,
            held_usd=held.get(budget.pk, Decimal(0)),
            unknown_calls=kept.unknown_calls if kept else 0,
            days=gone / timedelta(days=1),
            forecast_usd=forecast,
        )
    return found
