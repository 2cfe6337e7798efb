"""The list of turns with what monitoring knows of them: chat's own list, and filters by verdicts, by topics and by
variants of experiments."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import ListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from chat.admin.drill_down import ChoiceFilter, VoteFilter
from chat.admin.turns import TurnAdmin as ChatTurnAdmin
from chat.models import Turn
from monitoring.admin.variant_filter import VariantFilter
from monitoring.exports.choice import NAMES, failing
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Topic, TopicTurn


class FailingFilter(ChoiceFilter):
    """Turns of which a judge says that something is wrong."""

    title = "failing verdict"
    parameter_name = "failing"
    phrase = "failing {}"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(criterion.name, criterion.title.lower()) for criterion in CRITERIA.values() if criterion.failing]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value() or self.problem:
            return queryset
        return queryset.filter(failing(str(self.value())))


class TopicFilter(ListFilter):
    """The turns of a topic, in the time that its figures are of. Its page leads here: there is nothing to choose."""

    title = "topic"
    template = "admin/monitoring/topicrun/filter.html"
    name = "topic"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.typed = params.pop(self.name)[-1].strip() if self.name in params else ""
        self.used_parameters[self.name] = self.typed
        found = Topic.objects.filter(pk=int(self.typed)) if self.typed.isdecimal() else Topic.objects.none()
        self.topic = found.first() if self.typed else None

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.name]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {"name": self.name, "value": self.typed}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.topic:
            return queryset
        members = TopicTurn.objects.filter(topic=self.topic, is_before=False)
        return queryset.filter(pk__in=members.values("turn"))

    @property
    def problem(self) -> str:
        return (
            f"There is no topic {self.typed}. Older topics go when new ones come."
            if self.typed and not self.topic
            else ""
        )

    def words(self) -> str:
        if not self.topic:
            return f"topic {self.typed}" if self.typed else ""
        return f"topic {', '.join(self.topic.words) or self.topic.pk}"


# Behind the votes: what users say, then what judges say.
_PLACE = ChatTurnAdmin.list_filter.index(VoteFilter) + 1

# Filters of the list that an export has not, and the search.
_NO_EXPORT = ("q", "mode", "status__exact", "answer", "unknown_cost", "replaced")

admin.site.unregister(Turn)


@admin.register(Turn)
class TurnAdmin(ChatTurnAdmin):
    """Chat's list, with filters by verdicts, topics and variants, and a way to take along what they leave."""

    list_filter = (
        *ChatTurnAdmin.list_filter[:_PLACE],
        FailingFilter,
        *ChatTurnAdmin.list_filter[_PLACE:],
        TopicFilter,
        VariantFilter,
    )
    list_before_template = "admin/monitoring/export/_these.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {**(extra_context or {}), **_export_link(request)}
        response: HttpResponse = super().changelist_view(request, context)
        return response


def _export_link(request: HttpRequest) -> dict[str, Any]:
    """Return where the turns of the list are exported, and by what they are narrowed that an export is not."""
    if not request.user.has_perms(["chat.view_turn", "monitoring.export_turns"]):
        return {}
    chosen = {name: str(value) for name, value in request.GET.items() if name in NAMES and value}
    others = [name for name, value in request.GET.items() if name in _NO_EXPORT and value]
    url = reverse("admin:monitoring_export_changelist")
    return {"export_url": f"{url}?{urlencode(chosen or {'origin': 'USER'})}", "not_exported": ", ".join(others)}
