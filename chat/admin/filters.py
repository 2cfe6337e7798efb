"""Filters of the lists that a field alone does not give."""

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter, RangeDateFilter, TextFilter
from unfold.utils import parse_date_str

from chat.models import Feedback, PipelineConfig, Turn
from chat.models.feedback import Reason
from chat.rag.config import SearchMode

FAILED = [Turn.Status.FAILED, Turn.Status.INTERRUPTED]


class DaysFilter(RangeDateFilter):
    """From a day to a day, both included, by the site's clock; the theme's own compares with naive midnights."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (_day(self.used_parameters.get(f"{self.parameter_name}_{end}")) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": last + timedelta(days=1)})
        return queryset

    def words(self) -> str:
        """Say in words what is asked for; empty: nothing."""
        first, last = (self.used_parameters.get(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        parts = [f"from {first}" if first else "", f"to {last}" if last else ""]
        return " ".join([str(self.title), *filter(None, parts)]) if any(parts) else ""


def user_named(name: str) -> Any:
    """Return the user with this name in any case, None where there is none."""
    return get_user_model()._default_manager.filter(username__iexact=name).first()


def _day(text: Any) -> datetime | None:
    """Return the beginning of a day that was typed, None where it is none."""
    day = parse_date_str(text) if isinstance(text, str) else None
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


class YesNoFilter(RadioFilter):
    """A filter by a condition: those that fulfil it, or those that do not."""

    condition: Q | Exists

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(self.condition)
            case "no":
                return queryset.filter(~self.condition)
        return queryset


class HasThumbsDown(YesNoFilter):
    title = "thumbs down"
    parameter_name = "thumbs_down"
    condition = Exists(Feedback.objects.filter(turn__conversation=OuterRef("pk"), value=Feedback.Value.DOWN))


class HasFailedTurn(YesNoFilter):
    title = "failed answer"
    parameter_name = "failed"
    condition = Exists(Turn.objects.filter(conversation=OuterRef("pk"), status__in=FAILED))


class IsDeleted(YesNoFilter):
    title = "deleted by its user"
    parameter_name = "deleted"
    condition = Q(deleted_at__isnull=False)


class HasComment(YesNoFilter):
    title = "comment"
    parameter_name = "comment"
    condition = ~Q(comment="")


class IsReplaced(YesNoFilter):
    title = "replaced by another answer"
    parameter_name = "replaced"
    condition = Q(is_current=False)


class UnknownCost(YesNoFilter):
    """Finished turns whose cost nobody knows; one that is not finished has none yet."""

    title = "unknown cost"
    parameter_name = "unknown_cost"
    condition = Q(cost_usd__isnull=True, finished_at__isnull=False)


class ReasonFilter(DropdownFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Reason.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reasons__contains=[self.value()]) if self.value() else queryset


class SearchModeFilter(DropdownFilter):
    title = "search mode"
    parameter_name = "mode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(mode.value, mode.value.capitalize()) for mode in SearchMode]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(search_mode=self.value()) if self.value() else queryset


class TurnsConfig(DropdownFilter):
    """Conversations in which a config answered."""

    title = "config"
    parameter_name = "config"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(config.pk), str(config)) for config in PipelineConfig.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (self.value() or "").isdecimal():
            return queryset
        return queryset.filter(Exists(Turn.objects.filter(conversation=OuterRef("pk"), config=self.value())))


class TurnsModel(TextFilter):
    """Conversations in which a model answered. Typed, because listing all models would read every turn."""

    title = "model"
    parameter_name = "model"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(Exists(Turn.objects.filter(conversation=OuterRef("pk"), model__icontains=self.value())))
