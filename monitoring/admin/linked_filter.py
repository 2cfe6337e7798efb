"""Filters of turns that another page links to: there is nothing to choose, so the list shows no field for them."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.admin import ListFilter
from django.db.models import Model, QuerySet
from django.http import HttpRequest


class LinkedFilter(ListFilter):
    """By the row of another model that the address names. `row` is None where none is named, or there is none."""

    template = "admin/monitoring/turn/linked_filter.html"
    name: ClassVar[str]  # as in the address, and for people
    rows: ClassVar[QuerySet[Any]]
    missing: ClassVar[str]  # what to tell of an address that names no row; {} is what it names

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.typed = params.pop(self.name)[-1].strip() if self.name in params else ""
        self.used_parameters[self.name] = self.typed
        self.row: Any = self.rows.filter(pk=int(self.typed)).first() if self.typed.isdecimal() else None

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.name]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {"name": self.name, "value": self.typed}

    @property
    def problem(self) -> str:
        return self.missing.format(self.typed) if self.typed and not self.row else ""

    def words(self) -> str:
        """Return what the list says of the filter; empty: it is not on."""
        if not self.row:
            return f"{self.name} {self.typed}" if self.typed else ""
        return f"{self.name} {self.row_words()}"

    def row_words(self) -> str:
        """Return what a person calls the row."""
        return str(self.row)
