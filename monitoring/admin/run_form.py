"""The form that starts evaluation runs: what to ask, of which configs, and how often."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from chat.models import PipelineConfig
from chat.rag.offline import OFFLINE_MODEL
from chat.services.configs import available_models
from monitoring.evaluation.runs import MAX_K
from monitoring.models import Dataset, DatasetItem, DatasetVersion, EvaluationRun

MOST_REPEATS = 20
NO_JUDGE = "No language model judges"
RETRIEVAL, ANSWER = EvaluationRun.Kind.RETRIEVAL, EvaluationRun.Kind.ANSWER


class DatasetField(forms.ModelChoiceField):  # type: ignore[type-arg] # not subscriptable at run time
    """A dataset that has a version, named with its newest one."""

    def label_from_instance(self, obj: Any) -> str:
        noun = "question" if obj.item_count == 1 else "questions"
        return f"{obj.name} (version {obj.latest}, {obj.item_count:,} {noun})"


class ConfigsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg] # as above
    """Pipeline configs, each with what it searches and answers by."""

    def label_from_instance(self, obj: Any) -> str:
        default = ", the default" if obj.is_default else ""
        return f"{obj}: {obj.search_mode} search, {obj.top_k} hits, {obj.model}{default}"


class StartRunForm(forms.Form):
    """One run is started for each config."""

    dataset = DatasetField(
        Dataset.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget, help_text="Its newest version."
    )
    split = forms.ChoiceField(
        choices=[*DatasetItem.Split.choices, (EvaluationRun.ALL_SPLITS, "all")],
        initial=DatasetItem.Split.DEV,
        widget=UnfoldAdminSelectWidget,
        help_text="Choose by dev, report on test: who looks at test often chooses by it too.",
    )
    configs = ConfigsField(
        PipelineConfig.objects.own().order_by("-is_default", "name", "-version"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    kind = forms.ChoiceField(
        label="What to evaluate",
        choices=[(RETRIEVAL, "Retrieval only: searches, needs no model"), (ANSWER, "Answers: the whole pipeline")],
        initial=RETRIEVAL,
        widget=UnfoldAdminRadioSelectWidget,
    )
    judge_model = forms.ChoiceField(
        required=False, widget=UnfoldAdminSelectWidget, help_text="Gives verdicts on the answers. For answers only."
    )
    round_trip = forms.BooleanField(
        label="Ask back",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Makes a question of each answer, answers that too, and compares the two answers. For answers only.",
    )
    k = forms.IntegerField(
        min_value=1,
        max_value=MAX_K,
        initial=5,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="The cutoff: measures look at the first k hits.",
    )
    item_limit = forms.IntegerField(
        label="Questions at most",
        min_value=1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="The first so many. Empty: all.",
    )
    repeat = forms.IntegerField(
        label="Times each is asked",
        min_value=1,
        max_value=MOST_REPEATS,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="More than once shows how much is noise.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        datasets = Dataset.objects.with_latest().filter(pk__in=DatasetVersion.objects.values("dataset"))
        self.fields["dataset"].queryset = datasets  # type: ignore[attr-defined] # a ModelChoiceField
        models = [name for name in available_models() if name != OFFLINE_MODEL]
        judges = [("", NO_JUDGE), *((name, name) for name in models)]
        self.fields["judge_model"].choices = judges  # type: ignore[attr-defined] # a ChoiceField

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("kind") == RETRIEVAL and (values.get("judge_model") or values.get("round_trip")):
            self.add_error("kind", "Retrieval has no answers to judge: choose answers, or no judge and no asking back.")
        return values

    def options(self) -> dict[str, Any]:
        """Return what all runs have in common, as start_run takes it."""
        names = ("dataset", "split", "kind", "judge_model", "round_trip", "k", "item_limit", "repeat")
        return {name: self.cleaned_data[name] for name in names}
