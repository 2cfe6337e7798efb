"""Scores: every verdict on a turn, also those that failed, with the reason. Nothing can be changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from chat.admin import filters
from chat.admin.base import RecordAdmin, excerpt, link, transcript_url
from chat.admin.keyset import LongListAdmin
from chat.admin.word_search import turns_asking
from chat.templatetags.admin_values import NOTHING, usd
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Score
from monitoring.reviewing.opinions import hidden_from


class CriterionFilter(DropdownFilter):
    title = "criterion"
    parameter_name = "criterion"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(criterion.name, criterion.title) for criterion in CRITERIA.values()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(name=self.value()) if self.value() else queryset


class LabelFilter(DropdownFilter):
    """The labels that criteria have: to list those in use would read every score."""

    title = "label"
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        labels = dict.fromkeys(label for criterion in CRITERIA.values() for label in criterion.labels)
        return [(label, label) for label in labels]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(label=self.value()) if self.value() else queryset


class ErrorFilter(DropdownFilter):
    title = "verdict"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("value", "with a value"),
            ("label", "a label alone"),
            ("failed", "failed"),
            ("waits", "failed, tried again later"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted: dict[str, dict[str, Any]] = {
            "value": {"value__isnull": False},
            "label": {"value__isnull": True, "error": ""},
            "failed": {"value__isnull": True, "error__gt": ""},
            "waits": {"retry_at__isnull": False},
        }
        return queryset.filter(**wanted.get(self.value() or "", {}))


class OriginFilter(DropdownFilter):
    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in ("USER", "API", "EVALUATION", "SYNTHETIC")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(turn__origin=self.value()) if self.value() else queryset


@admin.register(Score)
class ScoreAdmin(LongListAdmin, RecordAdmin):
    list_display = ("question", "name", "verdict", "why", "judge_version", "source", "origin", "created_at")
    list_display_links = ("question",)
    list_filter = (
        CriterionFilter,
        ErrorFilter,
        OriginFilter,
        ("judge_version", RelatedDropdownFilter),
        ("rule", RelatedDropdownFilter),
        LabelFilter,
        ("source", ChoicesDropdownFilter),
        ("created_at", filters.DaysFilter),
    )
    search_fields = ("turn__question",)  # shows the search box; get_search_results says what is searched
    search_help_text = "Words of questions"
    list_select_related = ("turn", "judge_version")
    ordering = ("-created_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("in_conversation", "name"),
                    ("verdict", "value"),
                    ("explanation",),
                    ("error",),
                    ("details",),
                    ("judge_version", "rule"),
                    ("source", "reviewer"),
                    ("author", "identifier", "annotator_kind"),
                    ("attempts", "retry_at"),
                    ("calls", "cost", "duration_seconds"),
                    ("created_at", "updated_at"),
                )
            },
        ),
    )
    readonly_fields = ("in_conversation", "verdict", "cost")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Score]:
        """Without what a first reviewer said, to those who may be the second: they are blind to each other."""
        hidden = hidden_from(request.user).values("conversation")
        said_first = Q(source=Score.Source.REVIEWER, turn__conversation__in=hidden) & ~Q(reviewer=request.user.pk)
        scores: QuerySet[Score] = super().get_queryset(request)
        return scores.exclude(said_first)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Score], search_term: str
    ) -> tuple[QuerySet[Score], bool]:
        typed = search_term.strip()
        return queryset.filter(turns_asking(typed, "turn")) if typed else queryset, False

    @display(description="Question")
    def question(self, score: Score) -> str:
        return excerpt(score.turn.question) or "(deleted by its user)"

    @display(description="Verdict", ordering="value")
    def verdict(self, score: Score) -> str:
        if score.value is None:
            return score.label if score.label and not score.error else NOTHING
        return f"{score.label} ({score.value:.2f})" if score.label else f"{score.value:.2f}"

    @display(description="Why")
    def why(self, score: Score) -> str:
        return excerpt(score.error or score.explanation)

    @display(description="Origin")
    def origin(self, score: Score) -> str:
        return score.turn.origin

    @display(description="Turn")
    def in_conversation(self, score: Score) -> str:
        return link(transcript_url(score.turn), excerpt(score.turn.question) or "(deleted by its user)")

    @display(description="Cost")
    def cost(self, score: Score) -> str:
        return usd(score.cost_usd)
