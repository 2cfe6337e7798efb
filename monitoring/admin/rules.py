"""Judge rules: which turns a judge looks at, how many of them, what it may spend, and what came of it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from chat.admin.base import OwnPages, PageAdmin
from chat.templatetags.admin_values import NOTHING, usd
from monitoring.admin import rule_parts
from monitoring.admin.rule_form import JudgeRuleForm
from monitoring.judges.registry import JUDGES
from monitoring.judging.again import failed_for_good
from monitoring.judging.figures import figures_of
from monitoring.judging.rule_changes import save_rule
from monitoring.models import Backfill, JudgeRule

STATES = {"on": "success", "off": "warning", "cannot judge": "danger"}


class RuleChangeList(ChangeList):
    """A page of the list, with the figures of its rules."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        figures = figures_of(self.result_list)
        for rule in self.result_list:
            rule.figures = figures[rule.pk]


@admin.register(JudgeRule)
class JudgeRuleAdmin(PageAdmin):
    form = JudgeRuleForm
    list_display = ("name", "state", "origin", "judged_by", "share", "last_day", "spent")
    list_display_links = ("name",)
    list_filter = (("is_active", BooleanRadioFilter), ("origin", ChoicesDropdownFilter))
    search_fields = ("name", "judge", "model")
    search_help_text = "Searches names, judges and models"
    list_select_related = ("collection", "config")
    ordering = ("-origin", "name")
    fieldsets = (
        (None, {"fields": (("name", "is_active"), "judge", "model")}),
        ("Which turns", {"fields": (("origin", "sampling_rate"), ("collection", "config"))}),
        ("A day at most", {"fields": (("daily_cap_calls", "daily_cap_usd"),)}),
    )
    change_form_outer_before_template = "admin/monitoring/judgerule/state.html"
    change_form_after_template = "admin/monitoring/judgerule/preview.html"

    class Media:
        css = {"all": ["ragsite/evaluation.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RuleChangeList

    @display(description="State", label=STATES, ordering="is_active")
    def state(self, rule: Any) -> str:
        if not rule.is_active:
            return "off"
        return "cannot judge" if rule.figures.problem else "on"

    @display(description="Judge", ordering="judge")
    def judged_by(self, rule: JudgeRule) -> str:
        return f"{rule.judge} by {rule.model}" if rule.model else rule.judge

    @display(description="Share", ordering="sampling_rate")
    def share(self, rule: JudgeRule) -> str:
        return f"{rule.sampling_rate * 100:g}\N{NO-BREAK SPACE}%"

    @display(description="Last 24 hours")
    def last_day(self, rule: Any) -> str:
        counts = rule.figures.counts
        if counts is None:
            return NOTHING
        return f"{counts.matching:,} match, {counts.judged:,} of {counts.sampled:,} judged, {counts.failed:,} unscored"

    @display(description="Spent today (UTC)")
    def spent(self, rule: Any) -> str:
        return spent_words(rule)

    def save_model(self, request: HttpRequest, obj: JudgeRule, form: Any, change: bool) -> None:
        save_rule(rule=obj, changed=form.changed_data)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: rules are few, and a deleted one stops what others rely on."""
        return {}

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        rule = self.get_object(request, object_id) if object_id else None
        return _around(request, rule) if isinstance(rule, JudgeRule) else {}

    def own_pages(self) -> OwnPages:
        return {
            "preview/": ("preview", rule_parts.preview_view),
            "<int:rule_id>/backfill/": ("backfill", rule_parts.backfill_view),
            "<int:rule_id>/backfill/estimate/": ("estimate", rule_parts.estimate_view),
            "<int:rule_id>/again/": ("again", rule_parts.again_view),
            "backfill/<int:backfill_id>/going/": ("going", rule_parts.going_view),
            "backfill/<int:backfill_id>/cancel/": ("cancel", rule_parts.cancel_view),
        }


def spent_words(rule: Any) -> str:
    """Return what a rule spent today of what it may: "12 of 100, $0.02 of $1.00, 3 of unknown cost"."""
    spending = rule.figures.spending
    cap = f" of {rule.daily_cap_calls:,}" if rule.daily_cap_calls is not None else ""
    words = [f"{spending.calls:,}{cap}"]
    if rule.model or rule.daily_cap_usd is not None:
        cap_usd = f" of {usd(rule.daily_cap_usd)}" if rule.daily_cap_usd is not None else ""
        words.append(f"{usd(spending.cost_usd)}{cap_usd}")
    if spending.unpriced:
        words.append(f"{spending.unpriced:,} of unknown cost")
    return ", ".join(words)


def _around(request: HttpRequest, rule: JudgeRule) -> dict[str, Any]:
    """Return what stands around the fields of a rule's page."""
    figures = figures_of([rule])[rule.pk]
    rule.figures = figures  # type: ignore[attr-defined] # as in the list
    running = Backfill.objects.filter(rule=rule, status=Backfill.Status.RUNNING).select_related("rule")
    judge = JUDGES.get(rule.judge)
    return {
        "rule": rule,
        "figures": figures,
        "spent": spent_words(rule),
        "judge": judge,
        "failed_for_good": failed_for_good(rule).count(),
        "going": [rule_parts.progress_of(backfill) for backfill in running],
        "backfills": Backfill.objects.filter(rule=rule).exclude(status=Backfill.Status.RUNNING)[:5],
        "may_order": request.user.has_perm("monitoring.add_backfill"),
        "may_change": request.user.has_perm("monitoring.change_backfill"),
        "may_retry": request.user.has_perm("monitoring.change_judgerule"),
    }
