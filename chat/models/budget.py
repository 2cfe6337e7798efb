"""What may be spent in a month: by everything, by a group's members together, or by a user. Months are UTC's.

What was spent is a sum of the ledger (LLMCall). It is kept as a running sum beside each budget, so that a question does
not add up a month of calls; chat/services/spending.py keeps it and can count it anew.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chat.models.turn import Turn

# Of the limit: from there on staff is warned.
WARN_RATIO = Decimal("0.8")


class BudgetQuerySet(models.QuerySet["Budget"]):
    def applying_to(self, user_id: int | None) -> "BudgetQuerySet":
        """Those that a user's questions count for; without a user, the one for everything alone."""
        if user_id is None:
            return self.filter(scope=Budget.Scope.EVERYTHING)
        groups = Group.user_set.through._default_manager.filter(user_id=user_id, group_id=OuterRef("group_id"))
        return self.filter(Q(scope=Budget.Scope.EVERYTHING) | Q(user_id=user_id) | Exists(groups))


class Budget(models.Model):
    """A limit of dollars a month."""

    class Scope(models.TextChoices):
        EVERYTHING = "EVERYTHING", "everything"  # questions, judges, evaluations, documents
        GROUP = "GROUP", "a group"  # the questions of its members, together
        USER = "USER", "a user"  # the user's questions

    scope = models.CharField("For", max_length=10, choices=Scope, default=Scope.EVERYTHING)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    monthly_usd = models.DecimalField(
        "Dollars a month",
        max_digits=12,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="Each month begins on its first day at 0:00 UTC.",
    )
    contact = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text="Whom to ask for more, as users read it when the budget is used up. Empty: an administrator.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["scope", "group__name", "user__username"]
        constraints = [
            models.CheckConstraint(
                name="chat_budget_scope",
                condition=Q(scope="EVERYTHING", group=None, user=None)
                | Q(scope="GROUP", group__isnull=False, user=None)
                | Q(scope="USER", group=None, user__isnull=False),
            ),
            models.CheckConstraint(name="chat_budget_positive", condition=Q(monthly_usd__gt=0)),
            models.UniqueConstraint(
                fields=["scope"], condition=Q(scope="EVERYTHING"), name="chat_budget_one_everything"
            ),
            models.UniqueConstraint(fields=["group"], name="chat_budget_one_a_group"),
            models.UniqueConstraint(fields=["user"], name="chat_budget_one_a_user"),
        ]

    def __str__(self) -> str:
        if self.scope == self.Scope.GROUP:
            return f"Group {self.group}"
        return f"User {self.user}" if self.scope == self.Scope.USER else "Everything"


class BudgetMonth(models.Model):
    """What was spent of a budget in a month: a running sum of the ledger."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="months")
    month = models.DateField(help_text="Its first day.")
    spent_usd = models.DecimalField(max_digits=18, decimal_places=8, default=Decimal(0))
    unknown_calls = models.PositiveIntegerField(default=0, help_text="Calls whose cost is unknown, in no sum.")
    counted_at = models.DateTimeField(null=True, help_text="When it was last counted from the ledger.")
    warned_at = models.DateTimeField(null=True, help_text="When staff was warned.")
    used_up_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-month", "budget"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "month"], name="chat_budgetmonth_once"),
            models.CheckConstraint(name="chat_budgetmonth_spent", condition=Q(spent_usd__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.budget}, {self.month:%B %Y}"


class BudgetHoldQuerySet(models.QuerySet["BudgetHold"]):
    def in_force(self) -> "BudgetHoldQuerySet":
        """Those of answers that are not finished. One that ended holds nothing, however it ended."""
        return self.filter(turn__in=Turn.objects.unfinished())


class BudgetHold(models.Model):
    """What an answer on its way may cost at most, set aside of a budget until it is finished."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="holds")
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="+")
    usd = models.DecimalField(max_digits=18, decimal_places=8)

    objects = BudgetHoldQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["budget", "turn"], name="chat_budgethold_once")]

    def __str__(self) -> str:
        return f"{self.usd} USD of {self.budget} for turn {self.turn_id}"


def this_month(now: datetime | None = None) -> date:
    """Return the first day of the month (UTC) of a moment, this one if None."""
    return (now or timezone.now()).astimezone(UTC).date().replace(day=1)
