"""The filter of turns by the variant of an experiment that they count for."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from monitoring.experiments.counted_turns import counted_for
from monitoring.models import Variant


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
