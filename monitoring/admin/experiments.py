"""Experiments: the list with the verdict of each in a line, and the addresses of all their pages."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from chat.admin.base import OwnPages, PageAdmin, link
from chat.templatetags.admin_values import NOTHING
from monitoring.admin import experiment_changes, experiment_edit, experiment_page
from monitoring.admin.experiment_lines import with_lines
from monitoring.experiments.kpis import KPIS
from monitoring.models import Experiment, Exposure, Pin

STATES = {"draft": "info", "running": "success", "stopped": "warning", "concluded": "info"}


class ExperimentChangeList(ChangeList):
    """A page of the list, with the verdicts of its experiments."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_lines(list(self.result_list))


@admin.register(Experiment)
class ExperimentAdmin(PageAdmin):
    list_display = ("title", "state", "kpi", "met", "days", "verdict")
    list_display_links = None
    list_filter = (("status", ChoicesDropdownFilter), ("origin", ChoicesDropdownFilter))
    search_fields = ("name", "hypothesis", "conclusion")
    search_help_text = "Searches names, hypotheses and conclusions"
    list_per_page = 20
    ordering = ("-pk",)
    actions = None

    class Media:
        css = {"all": ["ragsite/evaluation.css", "ragsite/experiments.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        """With the units that met a variant, without pinned users, as its figures count them."""
        pinned = Pin.objects.filter(experiment=OuterRef("experiment"), user=OuterRef("user"))
        exposures = Exposure.objects.filter(~Exists(pinned), experiment=OuterRef("pk"))
        met = exposures.order_by().values("experiment")
        counted = Subquery(met.annotate(number=Count("pk")).values("number"), output_field=IntegerField())
        return Experiment.objects.select_related("winner").annotate(units=Coalesce(counted, Value(0)))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ExperimentChangeList

    @display(description="Experiment", ordering="name")
    def title(self, experiment: Experiment) -> str:
        return link(experiment.get_absolute_url(), experiment.name)

    @display(description="Status", label=STATES, ordering="status")
    def state(self, experiment: Experiment) -> str:
        return experiment.get_status_display()

    @display(description="Primary KPI")
    def kpi(self, experiment: Experiment) -> str:
        kpi = KPIS.get(experiment.primary_kpi)
        return kpi.title if kpi else experiment.primary_kpi

    @display(description="Units", ordering="units")
    def met(self, experiment: Any) -> str:
        return f"{experiment.units:,} {experiment.get_unit_display()}" if experiment.units else NOTHING

    @display(description="Days", ordering="started_at")
    def days(self, experiment: Experiment) -> str:
        if not experiment.started_at:
            return NOTHING
        return f"{experiment.runtime(timezone.now()).total_seconds() / 86_400:.1f}"

    @display(description="Verdict")
    def verdict(self, experiment: Any) -> str:
        return str(experiment.line)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was started stays on record; a draft goes by its own button."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "title": "Experiments",
            "add_url": reverse("admin:monitoring_experiment_add"),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return experiment_edit.add_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its page shows what is known; a draft has a form of its own."""
        if not object_id.isdecimal():
            return HttpResponseRedirect(reverse("admin:monitoring_experiment_changelist"))
        return experiment_page.experiment_view(request, int(object_id))

    def own_pages(self) -> OwnPages:
        return {
            "plan/": ("plan", experiment_edit.plan_view),
            "<int:experiment_id>/edit/": ("edit", experiment_edit.edit_view),
            "<int:experiment_id>/start/": ("start", experiment_changes.start_view),
            "<int:experiment_id>/stop/": ("stop", experiment_changes.stop_view),
            "<int:experiment_id>/conclude/": ("conclude", experiment_changes.conclude_view),
            "<int:experiment_id>/make-default/": ("make_default", experiment_changes.make_default_view),
            "<int:experiment_id>/copy/": ("copy", experiment_changes.copy_view),
            "<int:experiment_id>/remove/": ("remove", experiment_changes.remove_view),
            "<int:experiment_id>/pin/": ("pin", experiment_changes.pin_view),
        }
