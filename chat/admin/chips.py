"""What a list is narrowed by, in words: each filter that is set, with the address of the list without it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.views.main import SEARCH_VAR


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in words; `url` is the list without it."""

    text: str
    url: str


def chips_of(changelist: Any) -> list[Chip]:
    """Return the filters that are set, the search last. No query, unless a filter has to look up a name."""
    said = [(_words_of(spec), spec.expected_parameters()) for spec in changelist.filter_specs]
    if changelist.query:
        said.append((f"search: {changelist.query}", [SEARCH_VAR]))
    return [Chip(text, url_without(changelist.filter_params, names)) for text, names in said if text]


def url_without(params: dict[str, list[str]], names: Collection[str | None]) -> str:
    """Return the query of an address without some parameters, and without those that are empty."""
    kept = {name: [value for value in values if value] for name, values in params.items() if name not in names}
    return "?" + urlencode(sorted((name, values) for name, values in kept.items() if values), doseq=True)


def _words_of(spec: Any) -> str:
    """Return what a filter does in words, empty where it does nothing. Filters of our own say it themselves."""
    if hasattr(spec, "words"):
        return str(spec.words())
    names = {str(value): str(name) for value, name in getattr(spec, "lookup_choices", None) or ()}
    values = [
        names.get(str(value), str(value))
        for used in spec.used_parameters.values()
        for value in (used if isinstance(used, list) else [used])
        if value not in (None, "")
    ]
    return f"{spec.title}: {', '.join(values)}" if values else ""
