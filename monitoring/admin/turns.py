"""The list of turns with what monitoring knows of them: chat's own list, and filters by verdicts and by topics."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from chat.admin.drill_down import ChoiceFilter, VoteFilter
from chat.admin.turns import TurnAdmin as ChatTurnAdmin
from chat.models import Turn
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Score


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
        criterion = CRITERIA[str(self.value())]
        verdicts = Score.objects.by_judges().filter(name=criterion.name, label__in=sorted(criterion.failing))
        return queryset.filter(Exists(verdicts.filter(turn=OuterRef("pk"))))


# Behind the votes: what users say, then what judges say.
_PLACE = ChatTurnAdmin.list_filter.index(VoteFilter) + 1

admin.site.unregister(Turn)


@admin.register(Turn)
class TurnAdmin(ChatTurnAdmin):
    """Chat's list, with a filter by verdicts."""

    list_filter = (*ChatTurnAdmin.list_filter[:_PLACE], FailingFilter, *ChatTurnAdmin.list_filter[_PLACE:])
