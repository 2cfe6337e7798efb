"""The review queue: the list, and the addresses of all its pages."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.decorators import display
from unfold.views import ChangeList

from chat.admin.base import OwnPages, PageAdmin, excerpt
from chat.templatetags.admin_values import NOTHING
from monitoring.admin import review_changes, review_dataset, review_filters, review_page, review_replay
from monitoring.flags.rules import RULES
from monitoring.models import Flag, ReviewItem
from monitoring.reviewing.opinions import progress_of
from monitoring.reviewing.reserving import release_expired

FOLDER = "admin/monitoring/reviewitem/cells"


class QueueChangeList(ChangeList):
    """A page of the queue, with the reasons of its items."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        items = list(self.result_list)
        reasons: dict[Any, dict[str, bool]] = defaultdict(dict)
        flags = Flag.objects.filter(turn__conversation__in=[item.conversation_id for item in items])
        for pk, reason, is_advisory, settled_at in flags.values_list(
            "turn__conversation_id", "reason", "is_advisory", "settled_at"
        ):
            name = (pk, settled_at is None)
            reasons[name][reason] = reasons[name].get(reason, True) and is_advisory
        for item in items:
            waiting = reasons.get((item.conversation_id, True), {})
            item.reason_rows = _rows(waiting or reasons.get((item.conversation_id, False), {}))
        self.result_list = items


def _rows(reasons: dict[str, bool]) -> list[tuple[str, bool]]:
    """Return titles of reasons, and whether they are advice, the weightiest first."""
    return [(rule.title, reasons[reason]) for reason, rule in RULES.items() if reason in reasons]


@admin.register(ReviewItem)
class ReviewItemAdmin(PageAdmin):
    list_display = ("conversation_excerpt", "reasons", "state", "assignee", "age", "priority_value")
    list_display_links = None
    list_filter = (
        review_filters.StatusFilter,
        review_filters.ReasonFilter,
        review_filters.AssigneeFilter,
        review_filters.AgeFilter,
        review_filters.OriginFilter,
    )
    search_fields = ("conversation__title", "conversation__turns__question")
    search_help_text = "Searches titles and questions"
    list_per_page = 25
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewItem]:
        return ReviewItem.objects.for_list().select_related("conversation")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return QueueChangeList

    @display(description="Conversation")
    def conversation_excerpt(self, item: Any) -> str:
        text = excerpt(item.excerpt or str(item.conversation))
        return render_to_string(f"{FOLDER}/conversation.html", {"item": item, "text": text})

    @display(description="Reasons")
    def reasons(self, item: Any) -> str:
        return render_to_string(f"{FOLDER}/reasons.html", {"reasons": item.reason_rows})

    @display(description="Status", ordering="status")
    def state(self, item: ReviewItem) -> str:
        return render_to_string(f"{FOLDER}/state.html", {"item": item})

    @display(description="Assignee")
    def assignee(self, item: ReviewItem) -> str:
        reviews = [review for review in item.reviews.all() if review.round == item.round]
        shown = [review for review in reviews if review.decided_at or review.is_held]
        return render_to_string(f"{FOLDER}/assignee.html", {"reviews": shown, "item": item})

    @display(description="Age", ordering="opened_at")
    def age(self, item: ReviewItem) -> str:
        return render_to_string(f"{FOLDER}/age.html", {"item": item})

    @display(description="Priority", ordering="-priority")
    def priority_value(self, item: ReviewItem) -> str:
        return NOTHING if item.is_finished else f"{item.priority:g}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ReviewItem | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        release_expired()
        reviews = review_page.may_review(request)
        context = {
            **(extra_context or {}),
            "title": "Review queue",
            "may_review": reviews,
            "progress": progress_of(request.user) if reviews else None,
            "waiting": ReviewItem.objects.waiting().count(),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An item is not edited as a row: its page is the review."""
        if not object_id.isdecimal():
            return HttpResponseRedirect(reverse("admin:monitoring_reviewitem_changelist"))
        return review_page.review_view(request, int(object_id))

    def own_pages(self) -> OwnPages:
        return {
            "next/": ("next", review_changes.next_view),
            "<int:item_id>/review/": ("review", review_page.review_view),
            "<int:item_id>/keep/": ("keep", review_changes.keep_view),
            "<int:item_id>/reopen/": ("reopen", review_changes.reopen_view),
            "<int:item_id>/turn/<int:turn_id>/add/": ("add_turn", review_dataset.add_view),
            "<int:item_id>/replay/<int:dataset_item_id>/": ("start_replay", review_replay.start_view),
            "replay/<int:replay_id>/": ("replay", review_replay.replay_view),
        }
