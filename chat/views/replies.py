"""How a view answers where pages with and without JavaScript differ: a partial or a redirect, an error in place or as a
message on the next page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django_htmx.http import push_url, reswap, retarget, trigger_client_event
from django_htmx.middleware import HtmxDetails

from chat.forms import QuestionForm
from chat.models import Conversation, Turn
from chat.streaming import wait_for_answer

# Below the usual 30 s of proxies. An answer that takes longer goes on; the page then refreshes itself.
WAIT_SECONDS = 25.0
# Of a refused question: it may have been refused because it is too long.
KEPT_CHARS = 20_000


class HtmxHttpRequest(HttpRequest):
    """A request as the htmx middleware leaves it."""

    htmx: HtmxDetails


def turn_context(turn_id: int, user: Any) -> dict[str, Any]:
    """Return what `chat/_turn.html` shows, freshly read. Four queries at most."""
    turn = turns_for_page(user).get(pk=turn_id)
    return {"turn": turn, "user": user}


def turns_for_page(user: Any) -> Any:
    """Return the turns that a page may show to this user, with what it shows of them; costs only for staff."""
    turns = Turn.objects.visible_to(user).for_page(user)
    return turns.prefetch_related("calls") if user.is_staff else turns


def turn_html(request: HttpRequest, turn_id: int) -> str:
    """Render one turn as it stands in the database."""
    return render_to_string("chat/_turn.html", turn_context(turn_id, request.user), request=request)


def answering(request: HtmxHttpRequest, turn: Turn) -> HttpResponse:
    """Reply to a question that was just asked. With htmx the empty turn comes back at once and its stream follows;
    without, the answer is waited for and the page with it is shown."""
    if request.htmx:
        return render(request, "chat/_turn.html", {"turn": turn, "user": request.user})
    wait_for_answer(turn.pk, WAIT_SECONDS)
    return redirect(turn)


def asked(request: HtmxHttpRequest, turn: Turn) -> HttpResponse:
    """Reply to the first question of a conversation: its page takes the place of this one, where the stream begins."""
    if not request.htmx:
        return answering(request, turn)
    context = conversation_context(request, turn.conversation, [turn]) | {"chrome": "chat/bare.html"}
    response = render(request, "chat/conversation.html", context)
    response = push_url(reswap(retarget(response, "#page"), "innerHTML"), turn.conversation.get_absolute_url())
    return trigger_client_event(response, "conversations-changed", after="settle")


def conversation_context(request: HttpRequest, conversation: Conversation, turns: list[Turn]) -> dict[str, Any]:
    """Return what `chat/conversation.html` shows, but for the list beside it."""
    return {
        "conversation": conversation,
        "turns": turns,
        "is_answering": any(not turn.is_finished for turn in turns),
        "form": QuestionForm(conversation=conversation),
        "question": refused_question(request),
        "create_url": reverse("chat:create-turn", args=[conversation.pk]),
        "choices_url": reverse("chat:conversation-choices", args=[conversation.pk]),
    }


def refused(
    request: HtmxHttpRequest, error: object, conversation: Conversation | None = None, *, question: str = ""
) -> HttpResponse:
    """Reply to what cannot be done, in words: into the page's error line, or as a message on the next page, whose box
    then has the refused question in it."""
    if request.htmx:
        response = render(request, "chat/_error.html", {"error": str(error)}, status=422)
        return reswap(retarget(response, "#error"), "innerHTML")
    messages.error(request, str(error))
    if question:
        request.session["refused_question"] = question[:KEPT_CHARS]
    return redirect(conversation or "chat:home")


def refused_question(request: HttpRequest) -> str:
    """Return the question that was just refused on a page without JavaScript, once."""
    return str(request.session.pop("refused_question", ""))
