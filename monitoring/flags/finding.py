"""What a flag rule finds, and where it looks."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from chat.models import Turn
from chat.models.conversation import Origin

# Turns of evaluations and simulations have no user who could be helped, and would crowd out those that have.
WATCHED_ORIGINS = (Origin.USER, Origin.API)
FINISHED = (Turn.Status.DONE, Turn.Status.STOPPED, Turn.Status.FAILED, Turn.Status.INTERRUPTED)
ANSWERED = (Turn.Status.DONE, Turn.Status.STOPPED)


@dataclass(frozen=True, slots=True)
class Finding:
    """A turn that a rule finds. `detail` says in a few words why; `weight`: how many turns it stands for."""

    turn_id: int
    detail: str
    score_id: int | None = None  # the judge's verdict that it rests on
    is_advisory: bool = False
    weight: float = 1.0


def watched_turns() -> QuerySet[Turn]:
    """Return the turns that flag rules look at: finished, from a live origin, and with their texts still there. An
    answer that a regenerate replaced is one of them, because its user saw it."""
    return Turn.objects.filter(
        origin__in=WATCHED_ORIGINS, status__in=FINISHED, conversation__deleted_at__isnull=True
    ).order_by()


def recent_turns() -> QuerySet[Turn]:
    """Return the watched turns that a sweep looks at."""
    since = timezone.now() - timedelta(days=settings.JUDGE_LOOKBACK_DAYS)
    return watched_turns().filter(created_at__gte=since)
