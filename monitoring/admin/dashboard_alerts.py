"""The alerts that fire, above the figures."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.admin.dashboard_form import read_choice
from monitoring.alerts import RULES, Reading, evaluate
from monitoring.dashboard.choice import Choice


@permission_required("chat.view_turn", raise_exception=True)
@require_safe
def alerts_view(request: HttpRequest) -> HttpResponse:
    """Return what fires at present, of the origin and collection that the page shows; the page asks every minute."""
    choice, _ = read_choice(request, now=timezone.now())
    return render(request, "admin/monitoring/dashboard/_alerts.html", {"firing": firing(request, choice)})


def firing(request: HttpRequest, choice: Choice) -> list[Reading]:
    """Return the alerts that fire and that the viewer may see, the critical ones first. Rules that the viewer may not
    see are not evaluated."""
    rules = tuple(rule for rule in RULES if not rule.permission or request.user.has_perm(rule.permission))
    readings = evaluate(origin=choice.origin, collection_id=choice.collection_id, rules=rules)
    return sorted((reading for reading in readings if reading.is_firing), key=lambda one: one.rule.severity)
