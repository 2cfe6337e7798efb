"""Which rules can judge, by which version of their judge, and of which times they look at turns.

A rule whose judge is not known here, or whose model is not set up, is left out and its page says why: it is no error
of the turns, and they are due again once it is mended.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from chat.exceptions import ConfigurationError
from chat.rag.offline import OFFLINE_MODEL
from chat.services.configs import check_model_name
from monitoring.judges.base import Judge
from monitoring.judges.registry import JUDGES
from monitoring.judges.versions import current_version
from monitoring.models import Backfill, JudgeRule


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time, without its end, in which turns finished. None: open."""

    begins_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkingRule:
    """A rule that can judge. `version_id`: None where nothing is to be judged, only counted."""

    rule: JudgeRule
    judge: Judge
    version_id: int | None
    windows: tuple[Window, ...]


def problem_of(*, judge: str, model: str) -> str:
    """Return why nothing can be judged so, in words; an empty text where it can."""
    found = JUDGES.get(judge)
    if found is None:
        return f'There is no judge "{judge}" here. There are: {", ".join(JUDGES)}.'
    if found.family == "offline":
        return f'The judge "{judge}" works without a model: leave the model empty.' if model else ""
    if not model or model == OFFLINE_MODEL:
        return f'The judge "{judge}" asks a language model: name one as provider/model.'
    try:
        check_model_name(model)
    except ConfigurationError as error:
        return str(error)
    return ""


def working_rules(*, rules: Iterable[JudgeRule] | None = None, newest: timedelta | None = None) -> list[WorkingRule]:
    """Return the active rules that can judge (or those of `rules`), with the times that they look at: the last days
    of live traffic, and old traffic that was ordered. `newest`: no further back than this, and no old traffic."""
    rules = JudgeRule.objects.filter(is_active=True).order_by("pk") if rules is None else rules
    usable = [rule for rule in rules if not problem_of(judge=rule.judge, model=rule.model)]
    ranges = _ranges(usable) if newest is None else {}
    look_back = timedelta(days=settings.JUDGE_LOOKBACK_DAYS)
    earliest = timezone.now() - (look_back if newest is None else min(newest, look_back))
    return [
        WorkingRule(
            rule,
            JUDGES[rule.judge],
            current_version(JUDGES[rule.judge], rule.model).pk,
            (Window(max(rule.since, earliest)), *ranges.get(rule.pk, ())),
        )
        for rule in usable
    ]


def _ranges(rules: Sequence[JudgeRule]) -> dict[int, list[Window]]:
    found: dict[int, list[Window]] = {}
    for order in Backfill.objects.filter(rule__in=rules, status=Backfill.Status.RUNNING):
        found.setdefault(order.rule_id, []).append(Window(order.begin, order.end))
    return found
