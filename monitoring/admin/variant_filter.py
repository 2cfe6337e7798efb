"""The filter of turns by the variant of an experiment that they count for."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from monitoring.admin.linked_filter import LinkedFilter
from monitoring.experiments.counted_turns import counted_for
from monitoring.models import Variant


class VariantFilter(LinkedFilter):
    """The page of an experiment leads here."""

    title = name = "variant"
    rows = Variant.objects.select_related("experiment")
    missing = "There is no variant {} of an experiment."

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(counted_for(self.row)) if self.row else queryset

    def row_words(self) -> str:
        return f"“{self.row.name}” of “{self.row.experiment}”"
