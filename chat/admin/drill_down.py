"""Filters of turns by which other pages lead to the turns behind a figure: what they mean is what the figure counts.

Each says what it does in words, and what is wrong with a value that cannot be: the list then shows nothing, for all
turns would be a wrong answer.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import ListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from unfold.contrib.filters.admin import DropdownFilter

from chat.models import Collection, Conversation, PipelineConfig, Turn
from chat.models.conversation import Origin
from chat.services.turn_choices import NO_COLLECTION, NO_MODEL, OUTCOMES, VOTES, read_time


class ChoiceFilter(DropdownFilter):
    """A filter with choices. `phrase` says in words what it does; {} is the choice."""

    phrase = "{}"

    def has_output(self) -> bool:
        return True  # without choices too, so that a value is not passed over in silence

    @property
    def problem(self) -> str:
        """Say what is wrong with the value; empty: nothing."""
        value, allowed = self.value(), [str(choice) for choice, _ in self.lookup_choices]
        if not value or value in allowed:
            return ""
        return f"There is no {self.title} “{value}”. There {self._are(allowed)}."

    def words(self) -> str:
        value = self.value()
        names = {str(choice): str(name) for choice, name in self.lookup_choices}
        return self.phrase.format(names.get(value, value)) if value else ""

    @staticmethod
    def _are(allowed: list[str]) -> str:
        return f"are: {', '.join(allowed[:20])}{', …' if len(allowed) > 20 else ''}" if allowed else "is none at all"


class OriginFilter(ChoiceFilter):
    title = "origin"
    parameter_name = "origin"
    phrase = "origin {}"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(origin.value, origin.value) for origin in Origin]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(origin=self.value()) if self.value() and not self.problem else queryset


class CollectionFilter(ChoiceFilter):
    title = "collection"
    parameter_name = "collection"
    phrase = "collection {}"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(NO_COLLECTION, "(all were searched)"), *Collection.objects.order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value() or self.problem:
            return queryset
        return queryset.filter(collection=None if self.value() == NO_COLLECTION else self.value())


class ConfigFilter(ChoiceFilter):
    title = "config"
    parameter_name = "config"
    phrase = "config {}"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(config.pk, str(config)) for config in PipelineConfig.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(config=self.value()) if self.value() and not self.problem else queryset


class ModelFilter(ChoiceFilter):
    """The exact name. Any name may be asked for, since models come and go."""

    title = "model"
    parameter_name = "model"
    phrase = "model {}"
    problem = ""  # a name that no turn has is no mistake

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        names = {name or NO_MODEL for name in Turn.objects.model_names()}
        return [(name, name) for name in sorted(names | set(filter(None, [self.value()])))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(model="" if self.value() == NO_MODEL else self.value())


class OutcomeFilter(ChoiceFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(name, words) for name, (words, _) in OUTCOMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(OUTCOMES[self.value()][1]) if self.value() in OUTCOMES else queryset


class VoteFilter(ChoiceFilter):
    title = "vote"
    parameter_name = "vote"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(name, words) for name, (words, _) in VOTES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(VOTES[self.value()][1]) if self.value() in VOTES else queryset


class ImportFilter(ChoiceFilter):
    """Where turns or conversations were imported from. Names of sources are never one of the two signs."""

    title = "import"
    parameter_name = "imported"
    HERE, ANY = "-", "*"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        sources = [(source, f"from {source}") for source in Conversation.objects.import_sources()]
        return [(self.HERE, "asked here"), (self.ANY, "imported"), *sources]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value() or self.problem:
            return queryset
        mark = "import_key" if queryset.model is Turn else "import_source"
        if self.value() == self.HERE:
            return queryset.filter(**{mark: ""})
        queryset = queryset.filter(**{f"{mark}__gt": ""})
        if self.value() == self.ANY:
            return queryset
        return queryset.filter(**{f"{'conversation__' if queryset.model is Turn else ''}import_source": self.value()})


class AskedFilter(ListFilter):
    """Turns asked from a time (`since`, included) to a time (`until`, not included). Without a zone of its own, a time
    is one of the site's clock."""

    title = "time asked"
    template = "admin/chat/_asked.html"
    names = ("since", "until")

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.typed = {name: params.pop(name)[-1].strip() for name in self.names if name in params}
        self.used_parameters.update(self.typed)
        self.since, self.until = (read_time(self.typed.get(name, "")) for name in self.names)

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*self.names]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Return the two fields as a browser's input of a time wants them."""
        for name, label, at in zip(self.names, ("From", "Until"), (self.since, self.until), strict=True):
            shown = timezone.localtime(at).strftime("%Y-%m-%dT%H:%M:%S") if at else ""
            yield {"name": name, "label": label, "value": shown}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.since:
            queryset = queryset.filter(created_at__gte=self.since)
        return queryset.filter(created_at__lt=self.until) if self.until else queryset

    @property
    def problem(self) -> str:
        """Say what is wrong with the times; empty: nothing."""
        for name in self.names:
            text = self.typed.get(name, "")
            if text and not read_time(text):
                return f"{name}={text} is no time. Write it as 2026-11-03T14:00, or with a zone: 2026-11-03T14:00Z."
        if self.since and self.until and self.since >= self.until:
            return "The time from which turns were asked is not before the time until which they were."
        return ""

    def words(self) -> str:
        if self.since and self.until:
            same_day = timezone.localtime(self.since).date() == timezone.localtime(self.until).date()
            return f"asked {_said(self.since)} to {_said(self.until, 'H:i' if same_day else 'j M Y H:i')}"
        if self.since:
            return f"asked since {_said(self.since)}"
        return f"asked before {_said(self.until)}" if self.until else ""


class AnswerHolds(ListFilter):
    """Turns whose answer holds these characters. No index serves it, so it looks at the time that was chosen, or else
    at the last days."""

    title = "answer"
    template = "admin/chat/_answer_holds.html"
    name = "answer"
    days = 7

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        if self.name in params:
            self.used_parameters[self.name] = params.pop(self.name)[-1].strip()
        self.is_ranged = bool(request.GET.get("since"))

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.name]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {"name": self.name, "value": self.used_parameters.get(self.name, ""), "days": self.days}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        held = self.used_parameters.get(self.name)
        if not held:
            return queryset
        if not self.is_ranged:
            until = read_time(request.GET.get("until", "")) or timezone.now()
            queryset = queryset.filter(created_at__gte=until - timedelta(days=self.days))
        return queryset.filter(answer__icontains=held)

    def words(self) -> str:
        held = self.used_parameters.get(self.name)
        if not held:
            return ""
        return f"answer holds “{held}”" + ("" if self.is_ranged else f", of the last {self.days} days")


def _said(at: datetime, form: str = "j M Y H:i") -> str:
    return date_format(timezone.localtime(at), form)
