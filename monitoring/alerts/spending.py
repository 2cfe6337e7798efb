"""Does it cost more than it should, and more than is there?"""

from datetime import timedelta

from chat.models import Budget
from chat.services.budget_standing import Standing, standings
from monitoring.alerts.base import Measured, Moment
from monitoring.alerts.ranges import before, last
from monitoring.reports import read
from monitoring.statistics.tails import mean_surely_at_least

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
BASELINE_MINIMUM = 30
NO_BUDGETS = "There is no budget for everything or for a group."
NORMAL_95 = 1.96  # half a 95 % interval in standard errors


def cost_spike(moment: Moment) -> Measured:
    """How many times as much as in the week before an answer surely costs."""
    [latest], [usual] = read("answer_cost", last(moment, HOUR)), read("answer_cost", before(moment, HOUR, WEEK))
    n = latest["known"]
    if not n or latest["usd_per_answer_low"] is None:
        return Measured(None, n)
    if usual["known"] < BASELINE_MINIMUM or not usual["usd_per_answer"]:
        return Measured(None, n, "The week before has too little to compare with, or cost nothing.")
    mean, usually = float(latest["usd_per_answer"]), float(usual["usd_per_answer"])
    error = (mean - float(latest["usd_per_answer_low"])) / NORMAL_95
    detail = f"An answer of the last hour cost ${mean:.6f} in the mean of {n}, ${usually:.6f} in the week before."
    return Measured(mean_surely_at_least(mean, error) / usually, n, detail)


def budget_used(moment: Moment) -> Measured:
    """The share that is spent of the budget that is spent most; of everything and of groups."""
    found = [(standing.ratio, budget, standing) for budget, standing in _shared_budgets()]
    if not found:
        return Measured(None, None, NO_BUDGETS)
    ratio, budget, standing = max(found, key=lambda one: one[0])
    detail = f"{budget}: ${standing.spent_usd:.2f} of ${standing.limit_usd:.2f} are spent this month ({ratio:.0%})."
    return Measured(ratio, None, detail)


def budget_burn(moment: Moment) -> Measured:
    """What the month will have cost at its end if it goes on like this, of the limit of the worst budget."""
    found = [
        (float(standing.forecast_usd / standing.limit_usd), budget, standing)
        for budget, standing in _shared_budgets()
        if standing.forecast_usd is not None
    ]
    if not found:
        return Measured(None, None, "There is no budget, or the month is too young to say.")
    ratio, budget, standing = max(found, key=lambda one: one[0])
    detail = (
        f"{budget}: ${standing.spent_usd:.2f} in {standing.days:.0f} days would be ${standing.forecast_usd:.2f} at the "
        f"end of the month, of ${standing.limit_usd:.2f}."
    )
    return Measured(ratio, None, detail)


def _shared_budgets() -> list[tuple[Budget, Standing]]:
    """Return the budgets that concern more than one user, with how they stand. One query without any, else three."""
    budgets = list(Budget.objects.exclude(scope=Budget.Scope.USER).select_related("group"))
    found = standings(budgets) if budgets else {}
    return [(budget, found[budget.pk]) for budget in budgets]
