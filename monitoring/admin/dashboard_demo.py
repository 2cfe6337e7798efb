"""Demo data on the dashboard: made on order, shown apart from users' figures, and removed with a button. Those who give
orders to the worker, operators, may make and remove it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from chat.models.conversation import Origin
from monitoring.synthetic.traffic.demo import Status, demo_state, remove_demo, start_demo

SHOWN = f"?range=30d&origin={Origin.SYNTHETIC.value}"
MAY = "monitoring.add_backfill"


def demo_context(request: HttpRequest) -> dict[str, Any]:
    """Return how things stand with demo data, and whether the viewer may change that."""
    return {"state": demo_state(), "may_change": request.user.has_perm(MAY), "shown": reverse("admin:index") + SHOWN}


@permission_required("chat.view_turn", raise_exception=True)
@require_safe
def demo_view(request: HttpRequest) -> HttpResponse:
    """Return how far it is; the page asks every two seconds while something goes on, and is loaded anew at its end."""
    demo = demo_context(request)
    if demo["state"].status in (Status.RUNNING, Status.REMOVING):
        return render(request, "admin/monitoring/dashboard/_demo.html", {"demo": demo})
    target = demo["shown"] if demo["state"].status == Status.READY else reverse("admin:index")
    return HttpResponse(headers={"HX-Redirect": target})


@permission_required(MAY, raise_exception=True)
@require_POST
def start_view(request: HttpRequest) -> HttpResponse:
    start_demo()
    return HttpResponseRedirect(f"{reverse('admin:index')}#demo")


@permission_required(MAY, raise_exception=True)
@require_POST
def remove_view(request: HttpRequest) -> HttpResponse:
    remove_demo()
    messages.info(request, "The demo data is being removed.")
    return HttpResponseRedirect(reverse("admin:index"))
