"""Feedback: what users say of answers, with a jump to the turn in its conversation."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    FieldTextFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from chat.admin import filters
from chat.admin.base import RecordAdmin, excerpt, link, transcript_url
from chat.admin.keyset import LongListAdmin
from chat.admin.word_search import turns_asking
from chat.models import Feedback
from chat.models.feedback import Reason
from chat.templatetags.admin_values import NOTHING

VALUE_BADGES = {"Thumbs up": "success", "Thumbs down": "danger"}


@admin.register(Feedback)
class FeedbackAdmin(LongListAdmin, RecordAdmin):
    time_field = "updated_at"
    list_display = (
        "vote",
        "reason_names",
        "comment_excerpt",
        "question",
        "in_context",
        "user",
        "model_name",
        "config",
        "updated_at",
    )
    list_display_links = ("vote",)
    list_filter = (
        ("value", ChoicesDropdownFilter),
        filters.ReasonFilter,
        filters.HasComment,
        ("turn__config", RelatedDropdownFilter),
        ("turn__model", FieldTextFilter),
        ("updated_at", filters.DaysFilter),
    )
    search_fields = ("comment",)  # shows the search box; get_search_results says what is searched
    search_help_text = "Comments, words of questions, or a user name"
    list_select_related = ("turn__config", "user")
    ordering = ("-updated_at",)
    fields = (
        ("vote", "reason_names"),
        ("comment",),
        ("user", "created_at", "updated_at"),
        ("question",),
        ("in_context", "model_name", "config"),
    )
    readonly_fields = ("vote", "reason_names", "question", "in_context", "model_name", "config")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feedback]:
        feedback: QuerySet[Feedback] = super().get_queryset(request)
        return feedback.select_related("turn__config", "user").defer("turn__answer")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Feedback], search_term: str
    ) -> tuple[QuerySet[Feedback], bool]:
        """Feedback with the text in its comment, on questions with the words, or of the user with this name."""
        typed = search_term.strip()
        if not typed:
            return queryset, False
        found = Q(comment__icontains=typed) | turns_asking(typed, "turn")
        return queryset.filter(found | Q(user=user) if (user := filters.user_named(typed)) else found), False

    @display(description="Vote", label=VALUE_BADGES, ordering="value")
    def vote(self, feedback: Feedback) -> str:
        return feedback.get_value_display()

    @display(description="Reasons")
    def reason_names(self, feedback: Feedback) -> str:
        return ", ".join(Reason(reason).label for reason in feedback.reasons) or NOTHING

    @display(description="Comment")
    def comment_excerpt(self, feedback: Feedback) -> str:
        return excerpt(feedback.comment) or NOTHING

    @display(description="Question")
    def question(self, feedback: Feedback) -> str:
        return excerpt(feedback.turn.question) or "(deleted by its user)"

    @display(description="In context")
    def in_context(self, feedback: Feedback) -> str:
        return link(transcript_url(feedback.turn), "Jump to the turn")

    @display(description="Model", ordering="turn__model")
    def model_name(self, feedback: Feedback) -> str:
        return feedback.turn.model

    @display(description="Config", ordering="turn__config")
    def config(self, feedback: Feedback) -> str:
        return str(feedback.turn.config)
