"""What the pages of the admin share: read-only records, badges, and values as people read them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from chat.models import Document, Turn

LIST_TEXT_CHARS = 90

# Kinds of badges, as the theme names them.
TURN_BADGES = {
    Turn.Status.PENDING: "info",
    Turn.Status.STREAMING: "info",
    Turn.Status.DONE: "success",
    Turn.Status.STOPPED: "warning",
    Turn.Status.FAILED: "danger",
    Turn.Status.INTERRUPTED: "danger",
}
DOCUMENT_BADGES = {
    Document.Status.QUEUED: "info",
    Document.Status.PROCESSING: "info",
    Document.Status.READY: "success",
    Document.Status.DIVIDED: "success",
    Document.Status.FAILED: "danger",
}


# The address of a page below its model's -> the end of its name, and its view.
OwnPages = dict[str, tuple[str, Callable[..., Any]]]


class PageAdmin(ModelAdmin):
    """What all models have in common."""

    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False  # it would count the whole table for each page
    list_per_page = 50
    compressed_fields = False

    def own_pages(self) -> OwnPages:
        """Return the pages of the model besides its list and its form; "again" is named app_model_again."""
        return {}

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        """Return what the templates around the form need; `object_id` is as the address has it, None of a new row."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(address, self.admin_site.admin_view(view), name=f"{model}_{name}")
            for address, (name, view) in self.own_pages().items()
        ]
        return [*own, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), **self.around(request, object_id)}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return response


class RecordAdmin(PageAdmin):
    """Rows that the chat recorded: nobody adds, changes or deletes them here."""

    view_on_site = False  # the chat shows a conversation to its owner only

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def excerpt(text: str, max_chars: int = LIST_TEXT_CHARS) -> str:
    """Return the text on one line, cut where it is longer than a list can show."""
    line = " ".join(text.split())
    return line if len(line) <= max_chars else f"{line[: max_chars - 1].rstrip()}…"


def link(url: str, text: str) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def transcript_url(turn: Turn) -> str:
    """Return where a turn stands in its conversation."""
    return f"{reverse('admin:chat_conversation_change', args=[turn.conversation_id])}#turn-{turn.pk}"


def is_view(request: HttpRequest, view: str) -> bool:
    """Whether the request is for that view of a model ("changelist", "change")."""
    return bool(request.resolver_match and str(request.resolver_match.url_name).endswith(f"_{view}"))
