"""The alerts that fire, above the figures."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.admin.dashboard_form import read_choice
from monitoring.alerts import evaluate


@permission_required("chat.view_turn", raise_exception=True)
@require_safe
def alerts_view(request: HttpRequest) -> HttpResponse:
    """Return what fires at present, of the origin and collection that the page shows; the page asks every minute."""
    choice, _ = read_choice(request, now=timezone.now())
    readings = evaluate(origin=choice.origin, collection_id=choice.collection_id)
    firing = sorted((reading for reading in readings if reading.is_firing), key=lambda one: one.rule.severity)
    return render(request, "admin/monitoring/dashboard/_alerts.html", {"firing": firing})
