"""What budgets let through.

A question is let in when its budgets have room: what was spent this month, and what answers on their way may cost at
most (their holds), is below the limit. The rows of the budgets are locked, in the order of their ids, from this look to
the commit of the new turn and its hold, so that questions at the same moment look one after the other. An answer costs
no more than its hold (see ceiling.py), so at the last question that was let in all before it fit into the limit
together, whatever they cost in the end: a budget is exceeded by that one answer at most, however many ask at once.

Holds are large, since they are upper bounds: near the limit fewer answers run at once, and who is refused then is told
to wait a moment and not a month. A hold ends with its answer, however that ends: it counts only while the turn is
unfinished, so that no process can leave one behind.

What is known to cost nothing is let in always. Judges, evaluations and generated questions are held to the budget for
everything, without a hold: what they have on their way when it is used up is finished.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Sum

from chat.exceptions import BudgetUsedUpError
from chat.models import Budget, BudgetHold, BudgetMonth, Turn
from chat.models.budget import this_month
from chat.rag.config import Recipe
from chat.services.ceiling import are_free, ceiling_usd, models_of
from chat.services.spending import any_budgets, month_after, recount, used_up

ADMINISTRATOR = "an administrator"


def admit(*, turn: Turn, user_id: int | None, recipe: Recipe) -> None:
    """Set aside what a new turn may cost, of all budgets that it counts for, in the caller's transaction.

    Raises BudgetUsedUpError when one has no room: the caller's transaction is to be undone. No query without budgets,
    else four.
    """
    if not any_budgets() or are_free(models_of(recipe)):
        return
    month = this_month()
    counted = BudgetMonth.objects.filter(budget=OuterRef("pk"), month=month, counted_at__isnull=False)
    applying = Budget.objects.applying_to(user_id).annotate(is_counted=Exists(counted))
    budgets = list(applying.select_related("group").order_by("pk"))
    months = _locked_months(budgets, month)
    held = _held(budgets)
    for budget in budgets:
        left = budget.monthly_usd - months[budget.pk].spent_usd
        if left <= 0:
            raise BudgetUsedUpError(used_up_message(budget))
        if left <= held.get(budget.pk, 0):
            raise BudgetUsedUpError(
                f"What is left of {_whose(budget)} for this month is set aside for answers that are being written."
                " Try again when they are finished."
            )
    usd = ceiling_usd(recipe)
    BudgetHold.objects.bulk_create(BudgetHold(budget=budget, turn=turn, usd=usd) for budget in budgets)


def check_site_budget(models: Iterable[str]) -> None:
    """Raise BudgetUsedUpError when the budget for everything is used up and one of these models may cost something.
    `models`: whatever is going to be asked; empty names are none. No query without budgets, else one."""
    if (budget := used_up_site_budget()) and not are_free(models):
        raise BudgetUsedUpError(used_up_message(budget))


def check_budgets(*, user_id: int, models: Iterable[str]) -> None:
    """Raise BudgetUsedUpError when one of the budgets that a user's questions count for is used up, and one of these
    models may cost something. No query without budgets, else one."""
    if not any_budgets() or are_free(models):
        return
    spent = BudgetMonth.objects.filter(used_up(this_month()), budget__in=Budget.objects.applying_to(user_id))
    if month := spent.select_related("budget__group").order_by("budget").first():
        raise BudgetUsedUpError(used_up_message(month.budget))


def used_up_site_budget() -> Budget | None:
    """Return the budget for everything if it is used up. No query without budgets, else one."""
    if not any_budgets():
        return None
    month = BudgetMonth.objects.filter(used_up(this_month()), budget__scope=Budget.Scope.EVERYTHING)
    spent = month.select_related("budget").first()
    return spent.budget if spent else None


def used_up_message(budget: Budget) -> str:
    """Return what a user reads: whose budget, until when, and whom to ask."""
    begins = month_after(this_month())
    whose = _whose(budget)
    return (
        f"{whose[0].upper()}{whose[1:]} for this month is used up. It starts anew on {begins.day} {begins:%B}."
        f" Ask {budget.contact or ADMINISTRATOR} for more."
    )


def _whose(budget: Budget) -> str:
    if budget.scope == Budget.Scope.GROUP:
        return f'the budget of the group "{budget.group}"'
    return "your budget" if budget.scope == Budget.Scope.USER else "the budget of this site"


def _locked_months(budgets: list[Any], month: date) -> dict[int, BudgetMonth]:
    """Return the month of each budget, locked to the end of the transaction. Where one was never counted all are, one
    after the other, which locks them in order too. `budgets`: with `is_counted`, by id."""
    if not all(budget.is_counted for budget in budgets):
        return {budget.pk: recount(budget, month) for budget in budgets}
    rows = BudgetMonth.objects.filter(budget__in=budgets, month=month)
    return {row.budget_id: row for row in rows.select_for_update().order_by("budget_id")}


def _held(budgets: list[Budget]) -> dict[int, Decimal]:
    holds = BudgetHold.objects.in_force().filter(budget__in=budgets)
    return dict(holds.order_by().values_list("budget").annotate(usd=Sum("usd")))
