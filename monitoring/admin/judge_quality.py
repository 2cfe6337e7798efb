"""One version of a judge: how well it agrees with people, whether it may flag, what it costs, and what is missing."""

from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from chat.models.conversation import Origin
from monitoring.admin.judge_parts import Disagreement, confusion_rows, day_chart, disagreements, figure_rows
from monitoring.judges.criteria import CRITERIA, Criterion
from monitoring.judges.registry import JUDGES
from monitoring.models import JudgeVersion
from monitoring.quality.agreement import measure_agreement
from monitoring.quality.corrected import correct
from monitoring.quality.freshness import models_in_use, stale_reason
from monitoring.quality.labelled import LIVE_ORIGINS, Labelled, labelled_turns
from monitoring.quality.planning import label_plan
from monitoring.quality.repeats import consistency
from monitoring.quality.reviewers import reviewers_agreement
from monitoring.quality.standing import gate_of
from monitoring.quality.verdicts import DAYS, failed_figure, labels_by_day, work_by_version
from monitoring.quality.weighting import judged_turns, weigh
from monitoring.reviewing.opinions import hidden_from

PAGE = "admin/monitoring/judgeversion/quality.html"
PER_PAGE = 20
# What the page can show: live traffic together, which is what the gate looks at, or one origin.
ORIGINS = {"live": LIVE_ORIGINS, **{origin.value: (origin.value,) for origin in Origin}}
ORIGIN_NAMES = {
    "live": "users and API",
    "USER": "users",
    "API": "API",
    "SYNTHETIC": "synthetic",
    "EVALUATION": "evaluation",
}


class PlanForm(forms.Form):
    """How near the figures are wanted."""

    half_width = forms.FloatField(min_value=0.01, max_value=0.5, initial=0.1)


@permission_required("monitoring.view_judgeversion", raise_exception=True)
@require_safe
def quality_view(request: HttpRequest, version_id: int) -> HttpResponse:
    """Show a version. `?half_width=0.05` is for the label plan, `?origin=API` looks at other turns, `?page=2` shows
    further ones of the turns with labels."""
    version = get_object_or_404(JudgeVersion, pk=version_id)
    wanted = request.GET.get("origin", "")
    origin = wanted if wanted in ORIGINS else "live"
    labelled = labelled_turns(version, origins=ORIGINS[origin])
    context = {
        **admin.site.each_context(request),
        "title": str(version),
        "opts": JudgeVersion._meta,
        "original": version,
        "is_fullwidth": "1",
        "version": version,
        "judge": JUDGES.get(version.judge),
        "criterion": CRITERIA.get(version.criterion),
        "stale": stale_reason(version, models_in_use()),
        "gate": gate_of(version, labelled if origin == "live" else labelled_turns(version)),
        "bar": settings.JUDGE_MIN_KAPPA,
        "least": settings.JUDGE_MIN_LABELS,
        "origin": origin,
        "origins": ORIGIN_NAMES,
        "labelled": labelled,
        "work": work_by_version([version], origins=ORIGINS[origin])[version.pk],
        "failed": failed_figure(version, origins=ORIGINS[origin]),
        "consistency": consistency(version),
        "days": DAYS,
        **_against_people(request, version, labelled, ORIGINS[origin]),
    }
    return render(request, PAGE, context)


def _against_people(
    request: HttpRequest, version: JudgeVersion, labelled: Labelled, origins: tuple[str, ...]
) -> dict[str, Any]:
    """Return what follows from the labels; nothing for what reviewers do not label."""
    criterion = CRITERIA.get(version.criterion)
    if criterion is None or not criterion.labels:
        return {}
    agreement = measure_agreement(labelled.turns, criterion)
    judged = judged_turns(version, criterion, origins=origins)
    form = PlanForm(request.GET if "half_width" in request.GET else None)
    half_width = form.cleaned_data["half_width"] if form.is_valid() else form.fields["half_width"].initial
    return {
        "agreement": agreement,
        "rows": figure_rows(agreement),
        "confusion": confusion_rows(agreement),
        "reviewers": reviewers_agreement(criterion, origins=origins),
        "rate": correct(judged, weigh(labelled.turns, judged, criterion), criterion),
        "chart": day_chart(labels_by_day(version, criterion, origins=origins), criterion),
        "form": form,
        "half_width": half_width,
        "plan": label_plan(labelled.turns, judged, agreement, criterion, half_width),
        "page": _disagreements(request, version, labelled, criterion),
    }


def _disagreements(
    request: HttpRequest, version: JudgeVersion, labelled: Labelled, criterion: Criterion
) -> "Page[Disagreement]":
    """Return a page of the turns on which the judge and people differ, and after these the others; without those that
    wait for a second reviewer, who is not to know what the first one said."""
    hidden = set(hidden_from(request.user).values_list("conversation", flat=True))
    labelled = replace(labelled, turns=tuple(turn for turn in labelled.turns if turn.conversation_id not in hidden))
    paginator = Paginator(disagreements(version, labelled, criterion), PER_PAGE)
    return paginator.get_page(request.GET.get("page", "1"))
