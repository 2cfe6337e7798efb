"""The turns that count for a variant of an experiment, as its figures count them (SQL function reports.kpi_units)."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from monitoring.models import Experiment, Exposure, Pin, Variant


class VariantFilter(ListFilter):
    """The page of an experiment leads here: there is nothing to choose."""

    title = "variant"
    template = "admin/monitoring/topicrun/filter.html"
    name = "variant"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.typed = params.pop(self.name)[-1].strip() if self.name in params else ""
        self.used_parameters[self.name] = self.typed
        found = Variant.objects.filter(pk=int(self.typed)) if self.typed.isdecimal() else Variant.objects.none()
        self.variant = found.select_related("experiment").first() if self.typed else None

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.name]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {"name": self.name, "value": self.typed}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(counted_for(self.variant)) if self.variant else queryset

    @property
    def problem(self) -> str:
        return f"There is no variant {self.typed} of an experiment." if self.typed and not self.variant else ""

    def words(self) -> str:
        if not self.variant:
            return f"variant {self.typed}" if self.typed else ""
        return f"variant “{self.variant.name}” of “{self.variant.experiment}”"


def counted_for(variant: Variant) -> Q:
    """Return the condition that a turn counts for the variant: its unit has met the variant by then and is not pinned,
    the variant's config answered, and nobody chose a config for the conversation."""
    experiment = variant.experiment
    whose = "conversation" if experiment.unit == Experiment.Unit.CONVERSATION else "user"
    unit = OuterRef("conversation_id" if whose == "conversation" else "conversation__user_id")
    met = Exposure.objects.filter(variant=variant, exposed_at__lte=OuterRef("created_at"), **{whose: unit})
    pinned = Pin.objects.filter(experiment=experiment, user=OuterRef("conversation__user_id"))
    found = Q(Exists(met)) & ~Q(Exists(pinned))
    found &= Q(config_id=variant.config_id, origin=experiment.origin, conversation__config__isnull=True)
    if experiment.stopped_at:
        found &= Q(created_at__lt=experiment.stopped_at)
    if collections := list(experiment.collections.values_list("pk", flat=True)):
        found &= Q(collection__in=collections)
    return found
