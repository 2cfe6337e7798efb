"""Flags: all rules, what each looks for, and how many turns of the last days it found."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from chat.admin.base import RecordAdmin
from chat.models.conversation import Origin
from monitoring.flags.finding import WATCHED_ORIGINS, watched_turns
from monitoring.flags.rules import RULES, FlagRule
from monitoring.models import Flag

PAGE = "admin/monitoring/flag/rules.html"
DAYS = 7
BASES = {"record": "what is recorded", "judge": "a judge", "both": "what is recorded, or a judge"}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with how many turns it found: as a reason, as advice, and how many reasons wait for a review."""

    rule: FlagRule
    basis: str
    flagged: int
    advised: int
    waiting: int


@admin.register(Flag)
class FlagAdmin(RecordAdmin):
    """The list of flags is the list of rules: single flags are seen in the queue."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return rules_view(request)


@permission_required("monitoring.view_flag", raise_exception=True)
@require_safe
def rules_view(request: HttpRequest) -> HttpResponse:
    """Show the rules; `?origin=API` counts other turns than those of users, for figures of origins never mix."""
    name = request.GET.get("origin", "")
    origin = Origin(name) if name in WATCHED_ORIGINS else Origin.USER
    since = timezone.now() - timedelta(days=DAYS)
    turns = watched_turns().filter(origin=origin, created_at__gte=since)
    context = {
        **admin.site.each_context(request),
        "title": "Flags",
        "opts": Flag._meta,
        "is_fullwidth": "1",
        "rows": _rows(origin, since),
        "turn_count": turns.count(),
        "days": DAYS,
        "origin": origin,
        "origins": WATCHED_ORIGINS,
    }
    return render(request, PAGE, context)


def _rows(origin: Origin, since: Any) -> list[RuleRow]:
    flags = Flag.objects.filter(turn__origin=origin, turn__created_at__gte=since).order_by()
    counted = flags.values_list("reason").annotate(
        flagged=Count("pk", filter=Q(is_advisory=False)),
        advised=Count("pk", filter=Q(is_advisory=True)),
        waiting=Count("pk", filter=Q(is_advisory=False, settled_at__isnull=True)),
    )
    counts = {reason: numbers for reason, *numbers in counted}
    return [RuleRow(rule, BASES[rule.basis], *counts.get(reason, (0, 0, 0))) for reason, rule in RULES.items()]
