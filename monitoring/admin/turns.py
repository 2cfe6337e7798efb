"""The list of turns with what monitoring knows of them: chat's own list, and filters by verdicts, by topics and by
variants of experiments."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from chat.admin.drill_down import ChoiceFilter, VoteFilter
from chat.admin.turns import TurnAdmin as ChatTurnAdmin
from chat.models import Turn
from monitoring.admin.linked_filter import LinkedFilter
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


class TopicFilter(LinkedFilter):
    """The turns of a topic, in the time that its figures are of. Its page leads here."""

    title = name = "topic"
    rows = Topic.objects.all()
    missing = "There is no topic {}. Older topics go when new ones come."

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.row:
            return queryset
        members = TopicTurn.objects.filter(topic=self.row, is_before=False)
        return queryset.filter(pk__in=members.values("turn"))

    def row_words(self) -> str:
        return ", ".join(self.row.words) or str(self.row.pk)


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
