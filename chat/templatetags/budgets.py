"""Which budgets staff is warned of."""

from dataclasses import dataclass
from typing import Any

from django import template

from chat.models import Budget
from chat.services.budget_standing import Standing, standings
from chat.services.spending import any_budgets

register = template.Library()

SHOWN = 5


@dataclass(frozen=True, slots=True)
class NearlyUsedUp:
    """A budget from 80 % on."""

    budget: Budget
    standing: Standing

    @property
    def is_used_up(self) -> bool:
        return self.standing.state == "used up"


@register.simple_tag(takes_context=True)
def budget_warnings(context: dict[str, Any]) -> list[NearlyUsedUp]:
    """Return the budgets that are nearly or wholly used up, the fullest first, for those who may see budgets. One query
    without budgets, else four."""
    if not context["request"].user.has_perm("chat.view_budget") or not any_budgets():
        return []
    budgets = list(Budget.objects.select_related("group", "user"))
    found = standings(budgets)
    near = [NearlyUsedUp(budget, found[budget.pk]) for budget in budgets if found[budget.pk].is_near]
    return sorted(near, key=lambda one: -one.standing.ratio)[:SHOWN]
