"""Budgets by month, their running sums, and what answers on their way set aside."""

import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("chat", "0017_lists_of_turns"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "scope",
                    models.CharField(
                        choices=[("EVERYTHING", "everything"), ("GROUP", "a group"), ("USER", "a user")],
                        default="EVERYTHING",
                        max_length=10,
                        verbose_name="For",
                    ),
                ),
                (
                    "monthly_usd",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="Each month begins on its first day at 0:00 UTC.",
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="Dollars a month",
                    ),
                ),
                (
                    "contact",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Whom to ask for more, as users read it when the budget is used up. Empty: an administrator.",
                        max_length=100,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="auth.group",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["scope", "group__name", "user__username"],
            },
        ),
        migrations.CreateModel(
            name="BudgetHold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("usd", models.DecimalField(decimal_places=8, max_digits=18)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="holds", to="chat.budget"
                    ),
                ),
                (
                    "turn",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="chat.turn"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BudgetMonth",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="Its first day.")),
                ("spent_usd", models.DecimalField(decimal_places=8, default=Decimal("0"), max_digits=18)),
                (
                    "unknown_calls",
                    models.PositiveIntegerField(default=0, help_text="Calls whose cost is unknown, in no sum."),
                ),
                ("counted_at", models.DateTimeField(help_text="When it was last counted from the ledger.", null=True)),
                ("warned_at", models.DateTimeField(help_text="When staff was warned.", null=True)),
                ("used_up_at", models.DateTimeField(null=True)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="months", to="chat.budget"
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "budget"],
            },
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("group", None), ("scope", "EVERYTHING"), ("user", None)),
                    models.Q(("group__isnull", False), ("scope", "GROUP"), ("user", None)),
                    models.Q(("group", None), ("scope", "USER"), ("user__isnull", False)),
                    _connector="OR",
                ),
                name="chat_budget_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(condition=models.Q(("monthly_usd__gt", 0)), name="chat_budget_positive"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(
                condition=models.Q(("scope", "EVERYTHING")), fields=("scope",), name="chat_budget_one_everything"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(fields=("group",), name="chat_budget_one_a_group"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(fields=("user",), name="chat_budget_one_a_user"),
        ),
        migrations.AddConstraint(
            model_name="budgethold",
            constraint=models.UniqueConstraint(fields=("budget", "turn"), name="chat_budgethold_once"),
        ),
        migrations.AddConstraint(
            model_name="budgetmonth",
            constraint=models.UniqueConstraint(fields=("budget", "month"), name="chat_budgetmonth_once"),
        ),
        migrations.AddConstraint(
            model_name="budgetmonth",
            constraint=models.CheckConstraint(condition=models.Q(("spent_usd__gte", 0)), name="chat_budgetmonth_spent"),
        ),
    ]
