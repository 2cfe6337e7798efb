"""Filters of the review queue."""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from chat.models import Turn
from monitoring.flags.finding import WATCHED_ORIGINS
from monitoring.models import Flag, Review, ReviewItem

AGES = {"1": "less than a day", "7": "less than a week", "7+": "a week or more", "30+": "30 days or more"}


class StatusFilter(DropdownFilter):
    """Without a choice: what waits."""

    title = "status"
    parameter_name = "status"
    all_option = ["", "Waiting"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*ReviewItem.Status.choices, ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        if self.value() in ReviewItem.Status.values:
            return queryset.filter(status=self.value())
        return queryset.filter(status__in=[ReviewItem.Status.OPEN, ReviewItem.Status.IN_REVIEW])


class ReasonFilter(DropdownFilter):
    """Conversations with a flag of a reason, advice too."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Flag.Reason.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        flags = Flag.objects.filter(turn__conversation=OuterRef("conversation"), reason=self.value())
        return queryset.filter(Exists(flags))


class AssigneeFilter(DropdownFilter):
    """By who reviews an item, or did."""

    title = "assignee"
    parameter_name = "assignee"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        people = Review.objects.order_by("reviewer__username").values_list("reviewer", "reviewer__username").distinct()
        return [("me", "me"), ("none", "nobody"), *((str(pk), name) for pk, name in people)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = str(request.user.pk) if self.value() == "me" else self.value() or ""
        reviews = Review.objects.filter(item=OuterRef("pk"), round=OuterRef("round"))
        if value == "none":
            held = reviews.filter(reserved_until__gt=timezone.now()) | reviews.filter(decided_at__isnull=False)
            return queryset.filter(~Exists(held))
        return queryset.filter(Exists(reviews.filter(reviewer=int(value)))) if value.isdecimal() else queryset


class AgeFilter(DropdownFilter):
    """By how long an item has been there."""

    title = "age"
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(AGES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value not in AGES:
            return queryset
        border = timezone.now() - timedelta(days=int(value.rstrip("+")))
        return queryset.filter(**{"opened_at__lte" if value.endswith("+") else "opened_at__gt": border})


class OriginFilter(DropdownFilter):
    """By where the conversation's turns came from."""

    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(origin.value, str(origin.label)) for origin in WATCHED_ORIGINS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(Exists(Turn.objects.filter(conversation=OuterRef("conversation"), origin=self.value())))
