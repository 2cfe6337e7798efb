"""The items of a version as a page lists them: filtered, searched, and counted by what one can filter by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Func, QuerySet

from chat.models import Collection
from monitoring.models import Dataset, DatasetItem
from monitoring.models.datasets import DatasetItemQuerySet

_MOST_TAGS = 100
_UNNEST = "unnest"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed by; empty: not. A split, source or answerability that does not exist finds nothing."""

    words: str = ""
    split: str = ""
    source: str = ""
    tag: str = ""
    collection: str = ""  # id
    answerable: str = ""  # "yes", "no"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Filters":
        """Return the filters that an address names."""
        return cls(**{name: str(values.get(name, "")).strip() for name in cls.__dataclass_fields__})

    def named(self) -> dict[str, str]:
        """Return those that are set."""
        return {name: value for name in self.__dataclass_fields__ if (value := getattr(self, name))}

    def apply(self, items: DatasetItemQuerySet) -> DatasetItemQuerySet:
        """Return the items that the filters leave."""
        if self.words:
            items = items.filter(question__icontains=self.words.replace("\0", ""))
        if self.split:
            items = items.filter(split=self.split)
        if self.source:
            items = items.filter(source=self.source)
        if self.tag:
            items = items.filter(tags__contains=[self.tag])
        if self.collection:
            items = items.filter(collection=int(self.collection)) if self.collection.isdecimal() else items.none()
        if self.answerable:
            items = items.filter(is_answerable=self.answerable == "yes")
        return items


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to filter by, with how many items have it."""

    value: str
    label: str
    count: int


def choices_of(items: "QuerySet[DatasetItem]") -> dict[str, list[Choice]]:
    """Return what the items of a version can be filtered by, where there is more than one of it. Five queries."""
    plain = items.order_by()
    splits, sources = (_counts(plain, name) for name in ("split", "source"))
    tags = plain.annotate(tag=Func(F("tags"), function=_UNNEST)).values_list("tag").annotate(number=Count("pk"))
    collections = _counts(plain, "collection_id")
    names = dict(Collection.objects.filter(pk__in=[pk for pk in collections if pk]).values_list("pk", "name"))
    answerable = _counts(plain, "is_answerable")
    found = {
        "split": [Choice(v, label, splits[v]) for v, label in DatasetItem.Split.choices if v in splits],
        "source": [Choice(v, label, sources[v]) for v, label in DatasetItem.Source.choices if v in sources],
        "tag": [Choice(tag, tag, number) for tag, number in tags.order_by("-number", "tag")[:_MOST_TAGS]],
        "collection": [Choice(str(pk), names[pk], number) for pk, number in collections.items() if pk in names],
        "answerable": [
            Choice(value, label, answerable[flag])
            for flag, value, label in ((True, "yes", "answerable"), (False, "no", "unanswerable"))
            if flag in answerable
        ],
    }
    return {name: each for name, each in found.items() if len(each) > 1 or (name == "tag" and each)}


def split_counts(dataset: Dataset, version: int) -> list[Choice]:
    """Return how many items of a version each split has, also where that is none."""
    counts = _counts(dataset.items.in_version(version).order_by(), "split")
    return [Choice(value, label, counts.get(value, 0)) for value, label in DatasetItem.Split.choices]


def _counts(items: "QuerySet[DatasetItem]", column: str) -> dict[Any, int]:
    return dict(items.values_list(column).annotate(number=Count("pk")))
