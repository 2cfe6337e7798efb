"""Verdicts that failed for good, tried again because a person says that the cause is mended."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from monitoring.models import JudgeRule, Score
from monitoring.models.scores import ScoreQuerySet


def failed_for_good(rule: JudgeRule) -> ScoreQuerySet:
    """Return the verdicts of a rule in the last days that have no value and are not tried again."""
    earliest = timezone.now() - timedelta(days=settings.JUDGE_LOOKBACK_DAYS)
    return Score.objects.by_judges().filter(
        rule=rule, value__isnull=True, retry_at__isnull=True, turn__finished_at__gte=earliest
    )


def try_again(rule: JudgeRule) -> int:
    """Make them due, with as many attempts as at first; return how many."""
    return failed_for_good(rule).update(retry_at=timezone.now(), attempts=0)
