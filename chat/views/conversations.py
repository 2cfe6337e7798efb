"""Pages of conversations: the new one, one with its transcript, the list, and what a user does to one."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from chat.exceptions import ChatError
from chat.forms import ChoicesForm, QuestionForm, first_error
from chat.models import Collection, Conversation, Document
from chat.services.conversations import delete_conversation as delete
from chat.services.conversations import rename_conversation as rename
from chat.services.conversations import set_choices, start_conversation
from chat.services.exports import conversation_as_json, conversation_as_markdown
from chat.views.query import conversation_in, number
from chat.views.replies import HtmxHttpRequest, asked, conversation_context, refused, refused_question, turns_for_page
from chat.views.sidebar import sidebar
from chat.views.suggestions import suggested_questions


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the page that begins a conversation; `?collection=` preselects one."""
    collection = Collection.objects.filter(pk=number(request, "collection")).first()
    documents = Document.objects.ready()
    context = {
        "form": QuestionForm(initial={"collection": collection}),
        "create_url": reverse("chat:create-conversation"),
        "question": refused_question(request),
        "suggestions": suggested_questions(collection),
        "has_documents": documents.exists(),
        "in_reading": Document.objects.filter(status__in=["QUEUED", "PROCESSING"]).count(),
        "sidebar": sidebar(request),
    }
    return render(request, "chat/home.html", context)


@login_required
@require_GET
def conversations(request: HtmxHttpRequest) -> HttpResponse:
    """List the user's conversations that match `?q=`, a page at a time."""
    template = "chat/_conversation_list.html" if request.htmx else "chat/conversations.html"
    shown = conversation_in(request.htmx.current_url_abs_path or "")  # the list is beside a page, which it marks
    current = Conversation.objects.visible_to(request.user).filter(pk=shown).first() if shown else None
    response = render(request, template, {"sidebar": sidebar(request, current)})
    response["Vary"] = "HX-Request"
    return response


@login_required
@require_POST
def create_conversation(request: HtmxHttpRequest) -> HttpResponse:
    """Ask the first question."""
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return refused(request, first_error(form))
    try:
        turn = start_conversation(user=request.user, question=form.cleaned_data["question"], **form.chosen())
    except ChatError as error:
        return refused(request, error, question=form.cleaned_data["question"])
    return asked(request, turn)


@login_required
@require_GET
def conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Show a conversation with its transcript."""
    conversation = own_conversation(request, conversation_id)
    turns = list(turns_for_page(request.user).current().filter(conversation=conversation))
    context = conversation_context(request, conversation, turns) | {"sidebar": sidebar(request, conversation)}
    return render(request, "chat/conversation.html", context)


@login_required
@require_POST
def rename_conversation(request: HtmxHttpRequest, conversation_id: UUID) -> HttpResponse:
    """Give a conversation another title."""
    conversation = own_conversation(request, conversation_id)
    try:
        rename(conversation=conversation, title=request.POST.get("title", ""))
    except ChatError as error:
        return refused(request, error, conversation)
    if request.htmx:
        renamed = {"id": str(conversation.pk), "title": conversation.title}
        return trigger_client_event(HttpResponse(status=204), "renamed", renamed)  # site.js writes it where it stands
    return redirect(conversation)


@login_required
@require_http_methods(["GET", "POST"])
def delete_conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Ask whether to delete a conversation (GET), and do so (POST)."""
    conversation = own_conversation(request, conversation_id)
    if request.method == "GET":
        return render(request, "chat/delete_conversation.html", {"conversation": conversation})
    delete(conversation=conversation)
    messages.success(request, "The conversation was deleted.")
    return redirect("chat:home")


@login_required
@require_GET
def export_conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Send a conversation as a file: `?format=markdown` or `json`."""
    conversation = own_conversation(request, conversation_id)
    name = slugify(conversation.title)[:60] or "conversation"
    response: HttpResponse
    if request.GET.get("format", "markdown") == "json":
        options = {"ensure_ascii": False, "indent": 2}
        response = JsonResponse(conversation_as_json(conversation), json_dumps_params=options)
        response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    else:
        text = conversation_as_markdown(conversation)
        response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.md"'
    return response


@login_required
@require_POST
def conversation_choices(request: HtmxHttpRequest, conversation_id: UUID) -> HttpResponse:
    """Keep the chosen model, search mode and collection for the next questions."""
    conversation = own_conversation(request, conversation_id)
    form = ChoicesForm(request.POST, conversation=conversation)
    if not form.is_valid():
        return refused(request, first_error(form), conversation)
    try:
        set_choices(conversation=conversation, **form.chosen())
    except ChatError as error:
        return refused(request, error, conversation)
    return HttpResponse(status=204) if request.htmx else redirect(conversation)


def own_conversation(request: HttpRequest, conversation_id: UUID) -> Conversation:
    """Return the user's conversation or raise 404: missing and forbidden look the same."""
    visible = Conversation.objects.visible_to(request.user).select_related("collection")
    return get_object_or_404(visible, pk=conversation_id)
