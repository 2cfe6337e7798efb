"""The page of one document, where a citation leads."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from chat.models import Document, ImplicitSignal, Turn
from chat.rendering import document_html, part_around
from chat.services.feedback import record_signal
from chat.views.query import number
from chat.views.sidebar import sidebar


@login_required
@require_GET
def document(request: HttpRequest, document_id: int) -> HttpResponse:
    """Show a document; `?chunk=` is highlighted, `?turn=` is the answer whose source was opened."""
    documents = Document.objects.all() if request.user.is_staff else Document.objects.ready()
    document = get_object_or_404(documents.select_related("collection"), pk=document_id)
    chunk = document.chunks.filter(pk=number(request, "chunk")).first()
    turns = Turn.objects.visible_to(request.user).select_related("conversation")
    turn = turns.filter(pk=number(request, "turn")).first()
    if turn and turn.hits.filter(document=document).exists():
        record_signal(turn=turn, user=request.user, kind=ImplicitSignal.Kind.OPEN_SOURCE)
    first, last = part_around(document.text, chunk.start if chunk else 0)
    context = {
        "document": document,
        "chunk": chunk,
        "html": document_html(
            document.text[first:last],
            title=document.title,
            chunk_id=chunk.pk if chunk else None,
            span=(chunk.start - first, chunk.end - first) if chunk else None,
        ),
        "is_part": last - first < len(document.text),
        "back": turn,
        "sidebar": sidebar(request, turn.conversation if turn else None),
    }
    return render(request, "chat/document.html", context)
