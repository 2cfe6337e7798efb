"""The form of a blind comparison."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from monitoring.exceptions import ComparisonError
from monitoring.experiments.comparing import check_runs, comparable_runs
from monitoring.models import Comparison, EvaluationRun, Experiment

RUNS_OFFERED = 50


class RunsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg] # not subscriptable at run time
    """Runs with answers, each with what it asked."""

    def label_from_instance(self, obj: Any) -> str:
        return f"Run {obj.pk}: {obj.config} on {obj.dataset}, {obj.total_items:,} questions, {obj.created_at:%-d %b %Y}"


class ComparisonForm(forms.Form):
    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text="For staff. Who picks is not told it, as it may say too much.",
    )
    runs = RunsField(
        EvaluationRun.objects.none(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Two or more runs on the same dataset. People see two of their answers at a time.",
    )
    experiment = forms.ModelChoiceField(
        Experiment.objects.all(),
        required=False,
        empty_label="None",
        widget=UnfoldAdminSelectWidget,
        help_text="The experiment that this belongs to; its page links here.",
    )
    is_open_to_users = forms.BooleanField(
        label="Open to users",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Everybody who has the address and can sign in may pick, not only reviewers.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = list(comparable_runs().values_list("pk", flat=True)[:RUNS_OFFERED])
        self.fields["runs"].queryset = comparable_runs().filter(pk__in=newest)  # type: ignore[attr-defined] # a field of models

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Comparison.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is a comparison “{name}” already.")
        return name

    def clean_runs(self) -> Any:
        runs = self.cleaned_data["runs"]
        try:
            check_runs(list(runs))
        except ComparisonError as error:
            raise forms.ValidationError(str(error)) from error
        return runs
