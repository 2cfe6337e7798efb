"""Telling the worker of a turn. A nudge is one INSERT, all that judging adds to an answer; many of them are taken
together, and a lost one costs a minute, until the next sweep."""

import logging

from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

logger = logging.getLogger(__name__)

LOOK_AT, JUDGE_DUE = "monitoring.tasks.look_at", "monitoring.tasks.judge_due"
# Successes are not kept: there is one for each turn, and they would push out what people look for.
OPTIONS = {"save": False}
TAKEN_AT_ONCE = 500


def nudge(turn_id: int) -> None:
    """Have the worker look at a turn: flags, verdicts."""
    async_task(LOOK_AT, turn_id, q_options=OPTIONS)


def ask_for_judging() -> None:
    """Have the worker judge what is due."""
    async_task(JUDGE_DUE, q_options=OPTIONS)


def take_nudges() -> list[int]:
    """Take the waiting nudges out of the queue, for whoever is at it anyway, and return their turns."""
    return [turn_id for args in _take(LOOK_AT) for turn_id in args]


def take_askings() -> int:
    """Take out what waits of `ask_for_judging`, for whoever judges already; return how many."""
    return len(_take(JUDGE_DUE))


def _take(function: str) -> list[tuple[int, ...]]:
    waiting = OrmQ.objects.filter(lock__lte=timezone.now()).order_by("pk")[:TAKEN_AT_ONCE]
    rows = [row for row in waiting if row.task.get("func") == function]
    # Only those that the cluster did not take in the meantime.
    return [tuple(row.task["args"]) for row in rows if OrmQ.objects.filter(pk=row.pk, lock=row.lock).delete()[0]]
