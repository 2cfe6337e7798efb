"""Turns: what was asked, found, sent, answered, how long each step took and what it cost. Nothing can be changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from chat.admin import drill_down, filters
from chat.admin.base import TURN_BADGES, RecordAdmin, excerpt, is_view, link, transcript_url
from chat.admin.keyset import LongListAdmin
from chat.admin.transcript import rendered, stage_rows
from chat.admin.word_search import search_turns
from chat.models import Conversation, Feedback, Turn
from chat.templatetags.admin_values import NOTHING, seconds, usd


@admin.register(Turn)
class TurnAdmin(LongListAdmin, RecordAdmin):
    list_display = (
        "question_excerpt",
        "state",
        "model",
        "search_mode",
        "total",
        "cost",
        "origin",
        "asked_by",
        "created_at",
    )
    list_display_links = ("question_excerpt",)
    list_filter: tuple[Any, ...] = (
        drill_down.AskedFilter,
        drill_down.OutcomeFilter,
        drill_down.VoteFilter,
        drill_down.OriginFilter,
        drill_down.CollectionFilter,
        drill_down.ConfigFilter,
        drill_down.ModelFilter,
        filters.SearchModeFilter,
        ("status", ChoicesDropdownFilter),
        drill_down.AnswerHolds,
        filters.UnknownCost,
        filters.IsReplaced,
        drill_down.ImportFilter,
    )
    search_fields = ("question",)  # shows the search box; get_search_results says what is searched
    search_help_text = "Words of questions, or a user name"
    list_select_related = ("conversation__user",)
    ordering = ("-created_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("in_conversation", "asked_by", "origin"),
                    "imported_from",
                    ("config", "model", "search_mode", "collection"),
                    ("prompt_name", "prompt_sha256"),
                    ("search_query",),
                    ("said_before",),
                    ("nothing_found", "removed_citations", "degraded"),
                    ("cost", "created_at", "started_at", "finished_at"),
                )
            },
        ),
    )
    readonly_fields = ("in_conversation", "asked_by", "imported_from", "cost", "said_before")
    change_form_before_template = "admin/chat/turn/answer.html"
    change_form_after_template = "admin/chat/turn/records.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Turn]:
        turns: QuerySet[Turn] = super().get_queryset(request)
        return turns.defer("answer", "given_history") if is_view(request, "changelist") else turns

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Turn], search_term: str
    ) -> tuple[QuerySet[Turn], bool]:
        """Turns whose question has the words, and those of the user whose whole name was typed."""
        typed = search_term.strip()
        if not typed:
            return queryset, False
        if user := filters.user_named(typed):
            asking = Turn.objects.asking(typed)
            asked = Turn.objects.filter(conversation__in=Conversation.objects.filter(user=user).values("pk"))
            return queryset.filter(pk__in=asked.values("pk").union(asking.values("pk"))), False
        return search_turns(queryset, typed), False  # type: ignore[arg-type] # it is a TurnQuerySet

    @display(description="Question")
    def question_excerpt(self, turn: Turn) -> str:
        return excerpt(turn.question) or "(deleted by its user)"

    @display(
        description="Status", label={status.value: kind for status, kind in TURN_BADGES.items()}, ordering="status"
    )
    def state(self, turn: Turn) -> str:
        return turn.status

    @display(description="Time", ordering="total_seconds")
    def total(self, turn: Turn) -> str:
        return seconds(turn.total_seconds)

    @display(description="Cost", ordering="cost_usd")
    def cost(self, turn: Turn) -> str:
        return usd(turn.cost_usd)

    @display(description="User", ordering="conversation__user__username")
    def asked_by(self, turn: Turn) -> str:
        return turn.conversation.user.get_username() if turn.conversation.user else NOTHING

    @display(description="Said before")
    def said_before(self, turn: Turn) -> str:
        """What the answer was given on, where a program sent another transcript than the stored one."""
        if turn.given_history is None:
            return "what stands in the conversation"
        lines = (f"{said['question']}\n→ {said['answer']}" for said in turn.given_history)
        return "\n".join(lines) or "nothing: so the program sent it"

    @display(description="Conversation")
    def in_conversation(self, turn: Turn) -> str:
        return link(transcript_url(turn), str(turn.conversation))

    @display(description="Imported from")
    def imported_from(self, turn: Turn) -> str:
        return turn.conversation.import_source or "asked here"

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        turn = self.get_object(request, object_id) if object_id else None
        return _records(turn) if turn else {}


def _records(turn: Turn) -> dict[str, Any]:
    """Return what stands around the fields of a turn's page."""
    replaced = turn.conversation.turns.filter(position=turn.position).exclude(pk=turn.pk).order_by("pk")
    return {
        "entry": rendered(turn),
        "hits": turn.hits.all(),
        "calls": turn.calls.all(),
        "stages": stage_rows(turn),
        "feedback": Feedback.objects.filter(turn=turn).select_related("user"),
        "other_answers": [rendered(other) for other in replaced.prefetch_related("hits")],
        "transcript_url": transcript_url(turn),
    }
