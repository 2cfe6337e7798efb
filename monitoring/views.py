"""The one page of monitoring that is not the admin's: people pick the better of two answers, without names."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from monitoring.exceptions import ComparisonError
from monitoring.experiments.comparing import next_pair, record_preference, take_back
from monitoring.models import Comparison, EvaluationItem, Preference


class PickForm(forms.Form):
    """Which of the two that were shown."""

    left = forms.IntegerField(min_value=1)
    right = forms.IntegerField(min_value=1)
    choice = forms.ChoiceField(choices=Preference.Choice.choices)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pick(request: HttpRequest, comparison_id: int) -> HttpResponse:
    """Show the next two answers; take what was picked."""
    comparison = get_object_or_404(Comparison.objects.pickable_by(request.user), pk=comparison_id)
    error = ""
    if request.method == "POST":
        form = PickForm(request.POST)
        try:
            if not form.is_valid():
                raise ComparisonError("What was sent names no two answers and a choice: pick again.")
            record_preference(
                comparison=comparison,
                user=request.user,
                left_id=form.cleaned_data["left"],
                right_id=form.cleaned_data["right"],
                choice=form.cleaned_data["choice"],
            )
            return HttpResponseRedirect(reverse("compare:pick", args=[comparison.pk]))
        except ComparisonError as exc:
            error = str(exc)
    context = {**_shown(comparison, request.user), "error": error}
    return render(request, "compare/pick.html", context, status=422 if error else 200)


@login_required
@require_POST
def undo(request: HttpRequest, comparison_id: int) -> HttpResponse:
    """Take the last pick back, so that the pair is asked again."""
    comparison = get_object_or_404(Comparison.objects.pickable_by(request.user), pk=comparison_id)
    if not take_back(comparison=comparison, user=request.user):
        messages.warning(request, "There is no pick of yours to take back.")
    return HttpResponseRedirect(reverse("compare:pick", args=[comparison.pk]))


def _shown(comparison: Comparison, user: Any) -> dict[str, Any]:
    shown = next_pair(comparison=comparison, user=user)
    sides = [
        (side, word, row, [hit for hit in row.turn.hits.all() if hit.is_cited])
        for side, word, row in (("LEFT", "Answer A", shown.left), ("RIGHT", "Answer B", shown.right))
        if isinstance(row, EvaluationItem) and row.turn
    ]
    return {
        "comparison": comparison,
        "shown": shown,
        "sides": [] if comparison.closed_at else sides,
        "item": shown.left.item if shown.left else None,
        "number": shown.done + 1,
        "may_see_results": user.has_perm("monitoring.view_comparison") and user.is_staff,
    }
