"""Conversations: a list to find them, and each one as a transcript that one can read."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from chat.admin import drill_down, filters
from chat.admin.base import PageAdmin
from chat.admin.keyset import LongListAdmin
from chat.admin.transcript import TURNS_SHOWN, transcript
from chat.admin.word_search import conversations_asking
from chat.models import Conversation, Feedback, Turn
from chat.services.conversations import delete_conversation
from chat.templatetags.admin_values import NOTHING


def _count(rows: QuerySet[Any], parent: str) -> Subquery:
    """Count rows for each conversation, in a subquery of its own, so that several counts do not multiply each other."""
    counted = rows.order_by().values(parent).annotate(number=Count("pk")).values("number")
    return Subquery(counted, output_field=IntegerField())


@admin.register(Conversation)
class ConversationAdmin(LongListAdmin, PageAdmin):
    list_display = ("name", "user", "turn_count", "votes", "origin", "collection", "created_at", "updated_at")
    list_display_links = ("name",)
    list_filter = (
        ("origin", ChoicesDropdownFilter),
        ("collection", RelatedDropdownFilter),
        filters.TurnsConfig,
        filters.TurnsModel,
        ("created_at", filters.DaysFilter),
        filters.HasThumbsDown,
        filters.HasFailedTurn,
        filters.IsDeleted,
        drill_down.ImportFilter,
    )
    search_fields = ("title",)  # shows the search box; get_search_results says what is searched
    search_help_text = "Words of titles or questions, or a user name"
    list_select_related = ("user", "collection")
    ordering = ("-created_at",)
    fields = (
        ("user", "origin", "collection", "created_at", "updated_at"),
        ("config", "model", "search_mode", "deleted_at"),
        "import_source",
    )
    view_on_site = False  # the chat shows a conversation to its owner only
    change_form_after_template = "admin/chat/conversation/transcript.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        turns = Turn.objects.filter(conversation=OuterRef("pk"))
        votes = Feedback.objects.filter(turn__conversation=OuterRef("pk"))
        counts: QuerySet[Conversation] = (
            super()
            .get_queryset(request)
            .annotate(
                turn_count=_count(turns.current(), "conversation"),
                failed_count=_count(turns.current().filter(status__in=filters.FAILED), "conversation"),
                up_count=_count(votes.filter(value=Feedback.Value.UP), "turn__conversation"),
                down_count=_count(votes.filter(value=Feedback.Value.DOWN), "turn__conversation"),
            )
        )
        return counts

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        """Conversations with the words in their title or in a question, and those of the user with this name."""
        typed = search_term.strip()
        if not typed:
            return queryset, False
        found = conversations_asking(typed)
        return queryset.filter(found | Q(user=user) if (user := filters.user_named(typed)) else found), False

    @display(description="Title", ordering="title")
    def name(self, conversation: Conversation) -> str:
        if conversation.deleted_at:
            return "(deleted by its user)"
        return conversation.title or "(without a title)"

    @display(description="Turns", ordering=F("turn_count").desc(nulls_last=True))
    def turn_count(self, conversation: Any) -> str:
        failed = f" ({conversation.failed_count} failed)" if conversation.failed_count else ""
        return f"{conversation.turn_count or 0}{failed}"

    @display(description="Votes", ordering=F("down_count").desc(nulls_last=True))
    def votes(self, conversation: Any) -> str:
        up = f"▲ {conversation.up_count}" if conversation.up_count else ""
        down = f"▼ {conversation.down_count}" if conversation.down_count else ""
        return " ".join(filter(None, [up, down])) or NOTHING

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        conversation = self.get_object(request, object_id) if object_id else None
        return {
            "transcript": transcript(conversation) if conversation else [],
            "turns_shown": TURNS_SHOWN,
        }

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Conversation | None = None) -> bool:
        return False

    def get_deleted_objects(
        self, objs: Iterable[Conversation], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Say what goes and what stays: rows stay, so nobody needs a permission to delete them."""
        conversations = list(objs)
        names = [f"{conversation}: its texts go; tokens, costs, times and votes stay" for conversation in conversations]
        return names, {"conversations": len(conversations)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        delete_conversation(conversation=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            delete_conversation(conversation=conversation)
