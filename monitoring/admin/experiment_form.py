"""The forms of an experiment that is not started: itself, its variants and its guardrails. People write percent and
points; stored are shares of 1 and parts of 10,000."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.utils.functional import cached_property
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from chat.models import Collection, PipelineConfig
from monitoring.experiments.comparing import comparable_runs
from monitoring.experiments.drafts import GuardrailDraft, VariantDraft, draft_problems
from monitoring.experiments.kpis import KPIS, Kpi
from monitoring.models import Experiment
from monitoring.models.experiments import BUCKETS

MOST_VARIANTS = 6
# Fields of the form that are stored as they are.
PLAIN = (
    "name",
    "hypothesis",
    "is_aa",
    "unit",
    "primary_kpi",
    "minimum_days",
    "minimum_units",
    "stops_on_guardrail",
    "justified_by",
)
MEASURES = {"share": "points", "score": "of 0 to 1", "seconds": "seconds", "usd": "dollars", "count": "a number"}


class ConfigField(forms.ModelChoiceField):  # type: ignore[type-arg] # not subscriptable at run time
    """A pipeline config with what it searches and answers by."""

    def label_from_instance(self, obj: Any) -> str:
        default = ", the default" if obj.is_default else ""
        return f"{obj}: {obj.search_mode} search, {obj.top_k} hits, {obj.model}{default}"


def kpi_choices() -> list[tuple[str, str]]:
    """Return all KPIs, each with its unit and which way is better."""
    return [(kpi.name, f"{kpi.title} ({MEASURES[kpi.unit]}, {kpi.better} is better)") for kpi in KPIS.values()]


def shown(kpi: Kpi | None, number: float) -> float:
    """Return a difference as people write it: points for shares."""
    return written(number * 100 if kpi and kpi.unit == "share" else number)


def written(number: float) -> float:
    """Return a number as a form shows it: 5, not 5.0."""
    rounded = round(number, 6)
    return int(rounded) if rounded.is_integer() else rounded


def stored(kpi: Kpi | None, number: float) -> float:
    return number / 100 if kpi and kpi.unit == "share" else number


class ExperimentForm(forms.Form):
    """All that an experiment is but its variants and guardrails."""

    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    hypothesis = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="What you expect, and why: written down before anything is known.",
    )
    is_aa = forms.BooleanField(
        label="A/A test",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Both variants have the same config. It tests the method itself and should find nothing.",
    )
    unit = forms.ChoiceField(
        label="What is divided",
        choices=[
            (Experiment.Unit.USER, "Users: everybody keeps one variant everywhere"),
            (Experiment.Unit.CONVERSATION, "Conversations: needs fewer people, but one person may meet both"),
        ],
        initial=Experiment.Unit.USER,
        widget=UnfoldAdminRadioSelectWidget,
    )
    traffic = forms.FloatField(
        label="Traffic, %",
        initial=100,
        min_value=100 / BUCKETS,
        max_value=100,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Of all users. Experiments that run at once share them: nobody is in two.",
    )
    collections = forms.ModelMultipleChoiceField(
        Collection.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Only conversations on these. None: all.",
    )
    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Only members of these. None: everybody.",
    )
    primary_kpi = forms.ChoiceField(
        label="Primary KPI",
        widget=UnfoldAdminSelectWidget,
        initial="up_ratio",
        help_text="The one figure that decides. All others are shown too.",
    )
    smallest_effect = forms.FloatField(
        label="Smallest effect worth knowing",
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="In points for shares, else in the KPI's own unit. Half of it takes four times the traffic.",
    )
    alpha = forms.FloatField(
        label="False alarms, %",
        initial=5,
        min_value=0.1,
        max_value=20,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="How often a difference may be found where there is none.",
    )
    power = forms.FloatField(
        label="Power, %",
        initial=80,
        min_value=50,
        max_value=99,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="How surely the smallest effect is to be found, if it is there.",
    )
    minimum_days = forms.IntegerField(
        label="Days at least",
        initial=7,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="No verdict before: a week has all its days.",
    )
    minimum_units = forms.IntegerField(
        label="Users or conversations at least",
        initial=100,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="In each variant. No verdict with fewer.",
    )
    stops_on_guardrail = forms.BooleanField(
        label="Stop by itself",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="When a guardrail is surely broken. Otherwise it is only said.",
    )
    justified_by = forms.ModelChoiceField(
        comparable_runs(),
        label="Tried offline in",
        required=False,
        empty_label="Not tried offline",
        widget=UnfoldAdminSelectWidget,
        help_text="The evaluation run of the new config.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["primary_kpi"].choices = kpi_choices()  # type: ignore[attr-defined] # a ChoiceField
        self.fields["justified_by"].queryset = comparable_runs()  # type: ignore[attr-defined] # a ModelChoiceField

    def clean_smallest_effect(self) -> float:
        effect = float(self.cleaned_data["smallest_effect"])
        if effect == 0:
            raise forms.ValidationError("No traffic is enough to find nothing at all: more than 0, please.")
        return effect

    @property
    def kpi(self) -> Kpi | None:
        return KPIS.get(self.cleaned_data.get("primary_kpi", ""))

    def fill(self, experiment: Experiment) -> None:
        """Write what the form has into the plain fields of an experiment, which is not saved. Fields with errors are
        left out."""
        values = self.cleaned_data
        for name in PLAIN:
            if name in values:
                setattr(experiment, name, values[name])
        experiment.traffic = round(values["traffic"] * BUCKETS / 100)
        experiment.smallest_effect = stored(self.kpi, values["smallest_effect"])
        experiment.alpha, experiment.power = values["alpha"] / 100, values["power"] / 100


class VariantForm(forms.Form):
    name = forms.CharField(max_length=40, widget=UnfoldAdminTextInputWidget)
    config = ConfigField(
        PipelineConfig.objects.own().order_by("-is_default", "name", "-version"),
        empty_label="Choose a config",
        widget=UnfoldAdminSelectWidget,
    )
    share = forms.FloatField(
        label="Share, %", min_value=0.01, max_value=99.99, widget=UnfoldAdminDecimalFieldWidget, initial=50
    )


class GuardrailForm(forms.Form):
    kpi = forms.ChoiceField(label="KPI", required=False, widget=UnfoldAdminSelectWidget)
    margin = forms.FloatField(
        label="May be worse by", min_value=0, required=False, widget=UnfoldAdminDecimalFieldWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kpi"].choices = [("", "None"), *kpi_choices()]  # type: ignore[attr-defined] # a ChoiceField


class VariantRows(forms.BaseFormSet):  # type: ignore[type-arg] # not subscriptable at run time
    def clean(self) -> None:
        """Say in percent what does not add up, as people wrote it."""
        if any(self.errors):
            return
        total = sum(form.cleaned_data["share"] for form in self.filled)
        if abs(total - 100) > 0.005:  # half a part of 10,000
            raise forms.ValidationError(f"The shares make {total:g} % together; they must make 100 %.")

    @property
    def filled(self) -> list[Any]:
        """Return the rows that are used."""
        removed = self.deleted_forms
        return [form for form in self.forms if form.cleaned_data.get("config") and form not in removed]


VariantFormSet = forms.formset_factory(
    VariantForm, formset=VariantRows, extra=0, min_num=2, max_num=MOST_VARIANTS, validate_max=True, can_delete=True
)
GuardrailFormSet = forms.formset_factory(GuardrailForm, extra=0, min_num=1, max_num=len(KPIS))


@dataclass
class DraftForms:
    """The three forms of one page, filled in together. `data` None: not sent."""

    data: Mapping[str, Any] | None
    experiment: Experiment | None = None

    @cached_property
    def main(self) -> ExperimentForm:
        return ExperimentForm(self.data, initial=initial_of(self.experiment))

    @cached_property
    def variants(self) -> Any:
        return VariantFormSet(self.data, prefix="variants", initial=variants_of(self.experiment))

    @cached_property
    def guardrails(self) -> Any:
        return GuardrailFormSet(self.data, prefix="guardrails", initial=guardrails_of(self.experiment))

    def is_valid(self) -> bool:
        """Look at all three, so that all errors are shown at once, and at what they make together."""
        if not all([self.main.is_valid(), self.variants.is_valid(), self.guardrails.is_valid()]):
            return False
        draft = self.draft()
        problems = draft_problems(draft["experiment"], draft["variants"], draft["guardrails"])
        for name, problem in problems.items():
            rows = {"variants": self.variants, "guardrails": self.guardrails}.get(name)
            if rows is not None:
                rows.non_form_errors().append(problem)
            else:
                self.main.add_error(name if name in self.main.fields else None, problem)
        return not problems

    def draft(self) -> dict[str, Any]:
        """Return what `save_draft` takes. The first variant is the control."""
        experiment = self.experiment or Experiment()
        self.main.fill(experiment)
        filled = [form.cleaned_data for form in self.variants.filled]
        guarded = [form.cleaned_data for form in self.guardrails if form.cleaned_data.get("kpi")]
        return {
            "experiment": experiment,
            "variants": [
                VariantDraft(row["name"], row["config"], round(row["share"] * BUCKETS / 100), is_control=place == 0)
                for place, row in enumerate(filled)
            ],
            "guardrails": [
                GuardrailDraft(row["kpi"], stored(KPIS.get(row["kpi"]), row.get("margin") or 0.0)) for row in guarded
            ],
            "collections": list(self.main.cleaned_data["collections"]),
            "groups": list(self.main.cleaned_data["groups"]),
        }


def initial_of(experiment: Experiment | None) -> dict[str, Any]:
    if experiment is None:
        return {"smallest_effect": shown(KPIS["up_ratio"], KPIS["up_ratio"].usual_effect)}
    kpi = KPIS.get(experiment.primary_kpi)
    return {
        **{name: getattr(experiment, name) for name in PLAIN},
        "traffic": written(experiment.traffic * 100 / BUCKETS),
        "smallest_effect": shown(kpi, experiment.smallest_effect),
        "alpha": written(experiment.alpha * 100),
        "power": written(experiment.power * 100),
        "collections": experiment.collections.all(),
        "groups": experiment.groups.all(),
    }


def variants_of(experiment: Experiment | None) -> list[dict[str, Any]]:
    if experiment is None:
        default = PipelineConfig.objects.default()
        return [{"name": "A", "config": default.pk if default else None}, {"name": "B"}]
    return [
        {"name": row.name, "config": row.config_id, "share": written(row.share * 100 / BUCKETS)}
        for row in experiment.variants.all()
    ]


def guardrails_of(experiment: Experiment | None) -> list[dict[str, Any]]:
    if experiment is None:
        return [{"kpi": "error_ratio", "margin": shown(KPIS["error_ratio"], KPIS["error_ratio"].usual_effect)}]
    return [{"kpi": row.kpi, "margin": shown(KPIS.get(row.kpi), row.margin)} for row in experiment.guardrails.all()]


def with_another_row(data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return what was sent, with one row more to fill in."""
    more = {name: data.getlist(name) if name in ("collections", "groups") else data[name] for name in data}  # type: ignore[attr-defined] # a QueryDict
    key = f"{prefix}-TOTAL_FORMS"
    more[key] = str(int(data[key]) + 1) if str(data.get(key, "")).isdecimal() else data.get(key)
    return more
