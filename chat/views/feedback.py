"""Votes on answers, and signals without words."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from chat.exceptions import ChatError
from chat.forms import FeedbackForm, first_error
from chat.models import Feedback, ImplicitSignal, Turn
from chat.services.feedback import give_feedback, record_signal, withdraw_feedback
from chat.views.replies import HtmxHttpRequest, refused
from chat.views.turns import own_turn


@login_required
@require_POST
def turn_feedback(request: HtmxHttpRequest, turn_id: int) -> HttpResponse:
    """Record, change or (`withdraw`) take back the user's vote on an answer."""
    turn = own_turn(request, turn_id)
    if "withdraw" in request.POST:
        withdraw_feedback(turn=turn, user=request.user)
        return _acknowledged(request, turn, None, "Your vote was taken back.")
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        return refused(request, first_error(form), turn.conversation)
    try:
        feedback = give_feedback(turn=turn, user=request.user, **form.service_arguments())
    except ChatError as error:
        return refused(request, error, turn.conversation)
    saved = form.cleaned_data["details"]
    return _acknowledged(request, turn, feedback, "Your feedback was saved. Thank you." if saved else "Vote saved.")


@login_required
@require_POST
def turn_signal(request: HttpRequest, turn_id: int) -> HttpResponse:
    """Note that the user copied an answer, or opened a source. Other signals come with their actions."""
    turn = own_turn(request, turn_id)
    kind = request.POST.get("kind", "")
    if kind not in (ImplicitSignal.Kind.COPY, ImplicitSignal.Kind.OPEN_SOURCE):
        return HttpResponse("kind must be COPY or OPEN_SOURCE.", status=422, content_type="text/plain")
    record_signal(turn=turn, user=request.user, kind=kind)
    return HttpResponse(status=204)


def _acknowledged(request: HtmxHttpRequest, turn: Turn, feedback: Feedback | None, message: str) -> HttpResponse:
    if request.htmx:
        context = {
            "turn": turn,
            "feedback": feedback,
            "announcement": message,
            "is_open": "details" not in request.POST,
        }
        return render(request, "chat/_feedback.html", context)
    messages.success(request, message)
    return redirect(turn)
