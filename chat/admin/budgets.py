"""Budgets: what may be spent in a month, what is spent, and what it comes to at the month's end."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextInputWidget

from chat.admin.base import PageAdmin
from chat.models import Budget
from chat.models.budget import this_month
from chat.models.people import NOBODY
from chat.services.budget_standing import standings
from chat.services.spending import any_budgets, month_after, recount

STATES = {
    "within": "success",
    "likely to be used up": "warning",
    "nearly used up": "warning",
    "used up": "danger",
}


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable at run time
    # Typed, not picked: operators may not see the list of users, which may be long.
    user = forms.ModelChoiceField(
        get_user_model()._default_manager.exclude(NOBODY),  # what they ask costs nothing
        required=False,
        to_field_name="username",
        widget=UnfoldAdminTextInputWidget,
        help_text="The username.",
        error_messages={"invalid_choice": 'There is no user "%(value)s".'},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.user:
            self.initial["user"] = self.instance.user.get_username()

    def clean(self) -> dict[str, Any]:
        """Say in words what the database would refuse."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        scope = values.get("scope")
        wanted = {Budget.Scope.GROUP.value: "group", Budget.Scope.USER.value: "user"}.get(str(scope))
        for name in ("group", "user"):
            if name == wanted and not values.get(name) and name not in self.errors:
                self.add_error(name, f"Choose the {name} that this budget is for.")
            if name != wanted:
                values[name] = None  # chosen before the scope was changed
        same = Budget.objects.filter(scope=scope, group=values.get("group"), user=values.get("user"))
        if not self.errors and same.exclude(pk=self.instance.pk).exists():
            self.add_error("scope", "There is such a budget already: change that one.")
        return values


class BudgetChangeList(ChangeList):
    """A page of the list, with how its budgets stand."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        found = standings(self.result_list)
        for budget in self.result_list:
            budget.standing = found[budget.pk]


@admin.register(Budget)
class BudgetAdmin(PageAdmin):
    form = BudgetForm
    list_display = ("name", "state", "spent", "forecast", "uncounted")
    list_display_links = ("name",)
    list_filter = (("scope", ChoicesDropdownFilter),)
    list_select_related = ("group", "user")
    search_fields = ("group__name", "user__username", "user__email")
    search_help_text = "Searches groups and users"
    ordering = ("scope", "group__name", "user__username")
    fields = ("scope", "group", "user", "monthly_usd", "contact")
    conditional_fields = {"group": "scope == 'GROUP'", "user": "scope == 'USER'"}
    list_before_template = "admin/chat/budget/about.html"
    change_form_outer_before_template = "admin/chat/budget/state.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BudgetChangeList

    @display(description="Budget", ordering="scope")
    def name(self, budget: Budget) -> str:
        return str(budget)

    @display(description="State", label=STATES)
    def state(self, budget: Any) -> str:
        return str(budget.standing.state)

    @display(description="Spent this month")
    def spent(self, budget: Any) -> str:
        return render_to_string("admin/chat/budget/_spent.html", {"standing": budget.standing})

    @display(description="By the month's end")
    def forecast(self, budget: Any) -> str:
        return render_to_string("admin/chat/budget/_forecast.html", {"standing": budget.standing})

    @display(description="Calls of unknown cost")
    def uncounted(self, budget: Any) -> str:
        return f"{budget.standing.unknown_calls:,}"

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        any_budgets.forget()
        recount(obj)

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        super().delete_model(request, obj)
        any_budgets.forget()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: budgets are few, and one is deleted on its page."""
        return {}

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        budget = self.get_object(request, object_id) if object_id else None
        return _around(budget) if isinstance(budget, Budget) and request.method == "GET" else {}


def _around(budget: Budget) -> dict[str, Any]:
    """Return what stands above the fields of a budget's page."""
    standing = standings([budget])[budget.pk]
    return {
        "standing": standing,
        "badge": STATES[standing.state],
        "begins_anew": month_after(this_month()),
        "earlier": budget.months.exclude(month=this_month())[:6],
    }
