"""Budgets in the admin: who may, what the form refuses, and what the pages say."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from chat.models import Budget, BudgetMonth
from chat.models.budget import this_month
from tests.factories import make_call, make_conversation, make_turn, make_user

pytestmark = pytest.mark.django_db

LIST = "admin:chat_budget_changelist"
ADD = "admin:chat_budget_add"


def signed_in(client, group: str):
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    return client


@pytest.fixture
def operator(client):
    return signed_in(client, "operator")


def make_spent(usd: str, *, limit: str = "10.00", unknown_calls: int = 0, **values) -> Budget:
    budget = Budget.objects.create(**{"scope": "EVERYTHING", "monthly_usd": Decimal(limit), **values})
    BudgetMonth.objects.create(
        budget=budget,
        month=this_month(),
        spent_usd=Decimal(usd),
        unknown_calls=unknown_calls,
        counted_at=timezone.now(),
    )
    return budget


def test_an_operator_adds_a_budget_that_counts_what_was_spent_before(operator, alice):
    make_call(turn=make_turn(conversation=make_conversation(user=alice)), cost_usd=Decimal("3.50"))

    response = operator.post(
        reverse(ADD), {"scope": "USER", "user": "alice", "monthly_usd": "20", "contact": "the IT desk"}
    )

    assert response.status_code == 302
    budget = Budget.objects.get()
    assert (budget.scope, budget.user, budget.monthly_usd, budget.contact) == ("USER", alice, 20, "the IT desk")
    assert budget.months.get().spent_usd == Decimal("3.50")


def test_a_reviewer_sees_nothing_of_budgets(client):
    make_spent("9.00")
    reviewer = signed_in(client, "reviewer")

    assert reviewer.get(reverse(LIST)).status_code == 403
    assert reviewer.get(reverse(ADD)).status_code == 403
    page = reviewer.get(reverse("admin:index")).content.decode()
    assert "nearly used up" not in page
    assert reverse(LIST) not in page


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"scope": "GROUP"}, "group", "Choose the group that this budget is for."),
        ({"scope": "USER"}, "user", "Choose the user that this budget is for."),
        ({"scope": "USER", "user": "nobody"}, "user", 'There is no user "nobody".'),
        ({"scope": "EVERYTHING"}, "scope", "There is such a budget already: change that one."),
        ({"monthly_usd": "0"}, "monthly_usd", "Ensure this value is greater than or equal to 0.01."),
    ],
)
def test_the_form_says_what_is_wrong(operator, values, field, message):
    make_spent("1.00")

    response = operator.post(reverse(ADD), {"scope": "EVERYTHING", "monthly_usd": "20", "contact": "", **values})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors[field] == [message]
    assert Budget.objects.count() == 1


def test_a_budget_for_everything_has_neither_group_nor_user(operator, alice):
    operator.post(reverse(ADD), {"scope": "EVERYTHING", "user": "alice", "monthly_usd": "20", "contact": ""})

    assert Budget.objects.get().user is None


def test_the_list_says_how_budgets_stand(operator, alice):
    make_spent("8.50", unknown_calls=3)
    make_spent("10.40", scope="USER", user=alice)

    page = " ".join(operator.get(reverse(LIST)).content.decode().split())

    for words in ("nearly used up", "$8.50 of $10.00", "85 %", "User alice", "$10.40 of $10.00"):
        assert words in page
    assert "104 %" in page


def test_the_list_costs_the_same_however_long_it_is(operator, django_assert_num_queries):
    make_spent("1.00")
    operator.get(reverse(LIST))
    with django_assert_num_queries(8):
        operator.get(reverse(LIST))
    for _ in range(5):
        make_spent("1.00", scope="USER", user=make_user())

    with django_assert_num_queries(8):
        operator.get(reverse(LIST))


def test_an_empty_list_says_what_to_do(operator):
    assert "There is no budget yet" in operator.get(reverse(LIST)).content.decode()


def test_a_budgets_page_says_what_is_not_counted_and_earlier_months(operator):
    budget = make_spent("8.50", unknown_calls=1)
    BudgetMonth.objects.create(budget=budget, month="2025-01-01", spent_usd=Decimal("4"))

    page = " ".join(operator.get(reverse("admin:chat_budget_change", args=[budget.pk])).content.decode().split())

    assert "1 call of unknown cost is not in this sum" in page
    assert "January 2025: $4.00" in page


def test_a_raised_limit_is_counted_anew(operator):
    budget = make_spent("0")
    make_call(turn=make_turn(), cost_usd=Decimal("9"))
    page = reverse("admin:chat_budget_change", args=[budget.pk])

    operator.post(page, {"scope": "EVERYTHING", "monthly_usd": "100", "contact": ""})

    budget.refresh_from_db()
    assert (budget.monthly_usd, budget.months.get().spent_usd) == (100, 9)
    assert budget.months.get().warned_at is None


def test_the_first_page_warns_those_who_manage_budgets(operator):
    make_spent("8.50")

    page = " ".join(operator.get(reverse("admin:index")).content.decode().split())

    assert "the budget for this month is nearly used up, $8.50 of $10.00" in page
