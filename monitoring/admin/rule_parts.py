"""What stands around the fields of a rule: what it would look at, and old traffic that is being judged."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from unfold.widgets import UnfoldAdminDateWidget

from monitoring.admin.rule_form import JudgeRuleForm
from monitoring.admin.rule_page import end_of, page_context, start_of
from monitoring.admin.run_changes import note
from monitoring.exceptions import JudgingError
from monitoring.judging.again import try_again
from monitoring.judging.backfills import cancel_backfill, count_in_range, order_backfill
from monitoring.judging.figures import cost_per_verdict, preview_of
from monitoring.judging.nudges import ask_for_judging
from monitoring.models import Backfill, JudgeRule

FOLDER = "admin/monitoring/judgerule"


class RangeForm(forms.Form):
    """Days, both included."""

    begin = forms.DateField(label="First day", widget=UnfoldAdminDateWidget)
    end = forms.DateField(label="Last day", widget=UnfoldAdminDateWidget)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and values["end"] < values["begin"]:
            self.add_error("end", "The last day is before the first.")
        return values


@permission_required("monitoring.view_judgerule", raise_exception=True)
@require_POST
def preview_view(request: HttpRequest) -> HttpResponse:
    """Return what a rule as the form has it would look at; asked for at each change of it."""
    rule = JudgeRuleForm(request.POST).as_rule()
    preview = preview_of(rule) if rule else None
    return render(request, f"{FOLDER}/_preview.html", {"preview": preview, "rule": rule})


@permission_required("monitoring.add_backfill", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def backfill_view(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Show how much of old traffic is due in some days, and have it judged."""
    rule = get_object_or_404(JudgeRule, pk=rule_id)
    form = RangeForm(request.POST or None)
    found = None
    if request.method == "POST" and form.is_valid():
        begin, end = start_of(form.cleaned_data["begin"]), end_of(form.cleaned_data["end"])
        if "estimate" in request.POST:
            found = _estimate(rule, count_in_range(rule, begin, end))
        else:
            try:
                backfill = order_backfill(rule=rule, begin=begin, end=end, user=request.user)
            except JudgingError as error:
                form.add_error(None, str(error))
            else:
                ask_for_judging()
                note(request, rule, f"Old traffic ordered: {backfill}.")
                return HttpResponseRedirect(_url(rule))
    context = {**page_context(request, "Judge old traffic", rule), "rule": rule, "form": form, "found": found}
    return render(request, f"{FOLDER}/backfill.html", context, status=422 if form.errors else 200)


@permission_required("monitoring.add_backfill", raise_exception=True)
@require_POST
def estimate_view(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Return how much is due in the days of the form; asked for at each change of it."""
    rule, form = get_object_or_404(JudgeRule, pk=rule_id), RangeForm(request.POST)
    found = None
    if form.is_valid():
        days = start_of(form.cleaned_data["begin"]), end_of(form.cleaned_data["end"])
        found = _estimate(rule, count_in_range(rule, *days))
    return render(request, f"{FOLDER}/_range.html", {"found": found})


@permission_required("monitoring.view_judgerule", raise_exception=True)
@require_GET
def going_view(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """Return how far old traffic is; once it is done, let the page be loaded anew."""
    backfill = get_object_or_404(Backfill.objects.select_related("rule"), pk=backfill_id)
    if backfill.status != Backfill.Status.RUNNING:
        return HttpResponse(headers={"HX-Refresh": "true"})
    may_change = request.user.has_perm("monitoring.change_backfill")
    return render(request, f"{FOLDER}/_going.html", {"going": progress_of(backfill), "may_change": may_change})


@permission_required("monitoring.change_backfill", raise_exception=True)
@require_POST
def cancel_view(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """Judge no more of it."""
    backfill = get_object_or_404(Backfill.objects.select_related("rule"), pk=backfill_id)
    cancel_backfill(backfill=backfill)
    note(request, backfill.rule, f"Old traffic cancelled: {backfill}.")
    return HttpResponseRedirect(_url(backfill.rule))


@permission_required("monitoring.change_judgerule", raise_exception=True)
@require_POST
def again_view(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Try again what failed for good."""
    rule = get_object_or_404(JudgeRule, pk=rule_id)
    count = try_again(rule)
    ask_for_judging()
    messages.success(request, f"{count} failed verdicts are tried again.")
    note(request, rule, f"{count} failed verdicts tried again.")
    return HttpResponseRedirect(_url(rule))


def progress_of(backfill: Backfill) -> dict[str, Any]:
    """Return a running backfill with how many of its turns are done. A few queries."""
    left = count_in_range(backfill.rule, backfill.begin, backfill.end)
    total = max(backfill.total_turns, left)
    return {"backfill": backfill, "done": total - left, "total": total}


def _estimate(rule: JudgeRule, due: int) -> dict[str, Any]:
    cost = cost_per_verdict(judge=rule.judge, model=rule.model)
    return {"due": due, "cost_usd": None if cost is None else cost * due}


def _url(rule: JudgeRule) -> str:
    return reverse("admin:monitoring_judgerule_change", args=[rule.pk])
