"""The running sum of what each budget's month has cost, kept in the transaction that stores the calls.

It equals the ledger (`LEDGER_SQL`): whoever stores calls adds their cost in the same transaction, behind the row's
lock. `recount` takes that lock first and then adds up the ledger, so that calls being stored meanwhile are in the sum
once: either they were committed before, or they wait for the lock and are added after. It is done when a budget is
made, and each hour by the worker, which also takes in who joined a group or left it: a group's spending is that of its
members of today. Before the first budget there is no sum to keep, and calls cost no further query.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from chat.models import Budget, BudgetHold, BudgetMonth, Conversation, LLMCall, Turn
from chat.models.budget import WARN_RATIO, this_month
from chat.models.conversation import Origin
from chat.services.remembered import Remembered
from chat.signals import budget_warning

logger = logging.getLogger(__name__)

RECOUNT_AFTER = timedelta(hours=1)
# Within this time every process has heard that there are budgets: what others did not add before is counted then.
ALL_KNOW_AFTER = timedelta(seconds=30)

# The budgets of a user's groups are those of this moment. Rows are locked in the order of their ids everywhere.
SPEND_SQL = """
WITH applying AS (
    SELECT id
      FROM chat_budget
     WHERE scope = 'EVERYTHING'
        OR user_id = %(user_id)s
        OR group_id IN (SELECT group_id FROM auth_user_groups WHERE user_id = %(user_id)s)
     ORDER BY id
       FOR KEY SHARE
)
INSERT INTO chat_budgetmonth AS kept (budget_id, month, spent_usd, unknown_calls)
SELECT id, %(month)s, %(usd)s, %(unknown)s
  FROM applying
    ON CONFLICT (budget_id, month) DO UPDATE
   SET spent_usd = kept.spent_usd + EXCLUDED.spent_usd,
       unknown_calls = kept.unknown_calls + EXCLUDED.unknown_calls
RETURNING kept.budget_id
"""

# What counts. For everything: all calls but those of synthetic traffic, which nobody paid, and imported ones, which
# were paid elsewhere. For a user or the members of a group: the calls of their questions and those that they made
# without one, such as vectors by the API, and not what others let judges or evaluations do with the answers.
LEDGER_SQL = """
SELECT COALESCE(sum(call.cost_usd), 0), count(*) FILTER (WHERE call.cost_usd IS NULL)
  FROM chat_llmcall AS call
  LEFT JOIN chat_turn AS turn ON turn.id = call.turn_id
  LEFT JOIN chat_conversation AS conversation ON conversation.id = turn.conversation_id
 WHERE call.created_at >= %(since)s
   AND call.created_at < %(until)s
   AND COALESCE(call.origin, turn.origin) <> 'SYNTHETIC'
   AND NOT call.is_imported
   AND (%(scope)s = 'EVERYTHING'
        OR call.user_id = %(user_id)s
        OR call.user_id IN (SELECT user_id FROM auth_user_groups WHERE group_id = %(group_id)s)
        OR (call.origin IS NULL
            AND turn.origin IN ('USER', 'API')
            AND call.purpose IN ('answer', 'rewrite', 'rerank', 'embedding')
            AND (conversation.user_id = %(user_id)s
                 OR conversation.user_id IN (SELECT user_id FROM auth_user_groups WHERE group_id = %(group_id)s))))
"""

# Says of each limit that was reached once.
REACHED_SQL = """
UPDATE chat_budgetmonth AS kept
   SET warned_at = COALESCE(kept.warned_at, now()),
       used_up_at = CASE WHEN kept.spent_usd >= budget.monthly_usd THEN COALESCE(kept.used_up_at, now()) END
  FROM chat_budget AS budget
 WHERE budget.id = kept.budget_id
   AND kept.budget_id = ANY(%(budgets)s)
   AND kept.month = %(month)s
   AND ((kept.warned_at IS NULL AND kept.spent_usd >= %(ratio)s * budget.monthly_usd)
        OR (kept.used_up_at IS NULL AND kept.spent_usd >= budget.monthly_usd))
RETURNING budget.id, kept.spent_usd, budget.monthly_usd
"""


@Remembered
def any_budgets() -> bool:
    """Return whether there is a budget at all: without one nothing else is asked."""
    return Budget.objects.exists()


def spend(calls: Sequence[LLMCall], *, turn: Turn | None = None, user_id: int | None = None) -> None:
    """Add stored calls to the budgets that they count for, in the caller's transaction, as late in it as can be: the
    budgets' rows stay locked to its end. `turn`: whose answer they made; without one they count for `user_id`, which
    they name, or for everything alone.

    No query without budgets, else three or four.
    """
    if not any_budgets():
        return
    if turn is not None:
        BudgetHold.objects.filter(turn=turn).delete()
        if turn.origin in (Origin.USER, Origin.API):
            user_id = Conversation.objects.filter(pk=turn.conversation_id).values_list("user_id", flat=True).first()
    by_month: dict[date, list[LLMCall]] = defaultdict(list)
    for call in calls:
        by_month[call.created_at.astimezone(UTC).date().replace(day=1)].append(call)
    for month, of_month in sorted(by_month.items()):
        costs = [call.cost_usd for call in of_month]
        with connection.cursor() as cursor:
            cursor.execute(
                SPEND_SQL,
                {
                    "user_id": user_id,
                    "month": month,
                    "usd": sum((cost for cost in costs if cost is not None), Decimal(0)),
                    "unknown": costs.count(None),
                },
            )
            budget_ids = [budget_id for (budget_id,) in cursor.fetchall()]
        _note_reached(budget_ids, month)


def recount(budget: Budget, month: date | None = None) -> BudgetMonth:
    """Count a budget's month (this one if None) from the ledger; return it. Four queries, one as long as the month."""
    month = month or this_month()
    with transaction.atomic():
        BudgetMonth.objects.bulk_create([BudgetMonth(budget=budget, month=month)], ignore_conflicts=True)
        kept = BudgetMonth.objects.select_for_update().get(budget=budget, month=month)
        kept.spent_usd, kept.unknown_calls = ledger_of(budget, month)
        kept.counted_at = timezone.now()
        # A limit that was raised can be reached again.
        if kept.spent_usd < budget.monthly_usd:
            kept.used_up_at = None
        if kept.spent_usd < WARN_RATIO * budget.monthly_usd:
            kept.warned_at = None
        kept.save(update_fields=["spent_usd", "unknown_calls", "counted_at", "used_up_at", "warned_at"])
        _note_reached([budget.pk], month)
    return kept


def recount_old() -> int:
    """Count the months anew that were not counted for an hour, and forget what finished answers had set aside; return
    how many were counted."""
    if not any_budgets():
        return 0
    BudgetHold.objects.exclude(turn__in=Turn.objects.unfinished()).delete()
    fresh = BudgetMonth.objects.filter(month=this_month(), counted_at__gt=timezone.now() - RECOUNT_AFTER)
    # Of those that changed since, not all processes may have known when they were counted.
    early = fresh.filter(
        counted_at__lt=F("budget__created_at") + ALL_KNOW_AFTER, budget__created_at__lt=timezone.now() - ALL_KNOW_AFTER
    )
    due = Budget.objects.exclude(pk__in=fresh.exclude(pk__in=early).values("budget")).order_by("pk")
    return len([recount(budget) for budget in due])


def ledger_of(budget: Budget, month: date) -> tuple[Decimal, int]:
    """Return the dollars of a budget's month as the ledger has them, and how many calls have no known cost."""
    since = datetime(month.year, month.month, 1, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            LEDGER_SQL,
            {
                "since": since,
                "until": month_after(month),
                "scope": budget.scope,
                "user_id": budget.user_id,
                "group_id": budget.group_id,
            },
        )
        usd, unknown = cursor.fetchone()
    return usd, unknown


def month_after(month: date) -> datetime:
    """Return the moment at which the next month begins."""
    later = month.replace(day=28) + timedelta(days=4)
    return datetime(later.year, later.month, 1, tzinfo=UTC)


def used_up(month: date) -> Q:
    """What a budget's month is that has nothing left."""
    return Q(month=month, spent_usd__gte=F("budget__monthly_usd"))


def _note_reached(budget_ids: Sequence[int], month: date) -> None:
    """Warn of those that reached a limit just now, after the commit. Their rows are locked by this transaction already:
    to lock others would be out of order."""
    with connection.cursor() as cursor:
        cursor.execute(REACHED_SQL, {"budgets": list(budget_ids), "month": month, "ratio": WARN_RATIO})
        reached = cursor.fetchall()
    for budget_id, spent_usd, limit_usd in reached:
        transaction.on_commit(partial(_warn, budget_id, month, spent_usd, limit_usd))


def _warn(budget_id: int, month: date, spent_usd: Decimal, limit_usd: Decimal) -> None:
    is_used_up = spent_usd >= limit_usd
    what = "is used up" if is_used_up else "is nearly used up"
    logger.warning("budget %s budget=%d month=%s spent=%.2f limit=%.2f", what, budget_id, month, spent_usd, limit_usd)
    budget_warning.send_robust(
        sender=Budget,
        budget_id=budget_id,
        month=month,
        spent_usd=spent_usd,
        limit_usd=limit_usd,
        is_used_up=is_used_up,
    )
