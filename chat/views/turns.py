"""Asking in a conversation, and what a user does to one turn. The stream of an answer is in stream.py."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from chat.exceptions import ChatError
from chat.forms import QuestionForm, first_error
from chat.models import Turn
from chat.models.conversation import Origin
from chat.services.conversations import ask, edit_question, regenerate, set_choices
from chat.services.turns import request_stop
from chat.streaming import stop_here
from chat.views.conversations import own_conversation
from chat.views.query import number
from chat.views.replies import HtmxHttpRequest, answering, refused, turn_context, turns_for_page


@login_required
@require_POST
def create_turn(request: HtmxHttpRequest, conversation_id: UUID) -> HttpResponse:
    """Ask the next question of a conversation, with the choices sent beside it."""
    conversation = own_conversation(request, conversation_id)
    form = QuestionForm(request.POST, conversation=conversation)
    if not form.is_valid():
        return refused(request, first_error(form), conversation)
    try:
        set_choices(conversation=conversation, **form.chosen())
        turn = ask(conversation=conversation, question=form.cleaned_data["question"], origin=Origin.USER)
    except ChatError as error:
        return refused(request, error, conversation, question=form.cleaned_data["question"])
    return answering(request, turn)


@login_required
@require_GET
def newer_turns(request: HtmxHttpRequest, conversation_id: UUID) -> HttpResponse:
    """Show what was asked in another window since the turn `?after=`; nothing (204) where nothing was."""
    conversation = own_conversation(request, conversation_id)
    if not request.htmx:
        return redirect(conversation)
    newer = turns_for_page(request.user).current().filter(conversation=conversation, pk__gt=number(request, "after"))
    turns = list(newer)
    return render(request, "chat/_turns.html", {"turns": turns}) if turns else HttpResponse(status=204)


@login_required
@require_GET
def turn(request: HtmxHttpRequest, turn_id: int) -> HttpResponse:
    """Show one turn: alone for htmx, else at its place in the conversation."""
    turn = own_turn(request, turn_id)
    if request.htmx:
        return render(request, "chat/_turn.html", turn_context(turn.pk, request.user))
    return redirect(turn)


@login_required
@require_POST
def stop_turn(request: HtmxHttpRequest, turn_id: int) -> HttpResponse:
    """Stop an answer; the text so far is kept."""
    turn = own_turn(request, turn_id)
    request_stop(turn=turn)
    stop_here(turn.pk)
    return HttpResponse(status=204) if request.htmx else redirect(turn)


@login_required
@require_POST
def regenerate_turn(request: HtmxHttpRequest, turn_id: int) -> HttpResponse:
    """Answer a question again; also Retry."""
    turn = own_turn(request, turn_id)
    try:
        replacement = regenerate(turn=turn, user=request.user, origin=Origin.USER)
    except ChatError as error:
        return refused(request, error, turn.conversation)
    return answering(request, replacement)


@login_required
@require_POST
def edit_turn(request: HtmxHttpRequest, turn_id: int) -> HttpResponse:
    """Ask the last question in other words."""
    turn = own_turn(request, turn_id)
    try:
        question = request.POST.get("question", "")
        replacement = edit_question(turn=turn, question=question, user=request.user, origin=Origin.USER)
    except ChatError as error:
        return refused(request, error, turn.conversation)
    return answering(request, replacement)


def own_turn(request: HttpRequest, turn_id: int) -> Turn:
    """Return a turn of the user's or raise 404: missing and forbidden look the same."""
    turns = Turn.objects.visible_to(request.user).select_related("conversation")
    return get_object_or_404(turns, pk=turn_id)
