"""The form that orders an export: the filters of the list of turns, and what the file is to have in it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from chat.models import Collection, PipelineConfig
from chat.models.conversation import Origin
from chat.services.turn_choices import NO_COLLECTION, OUTCOMES, VOTES
from monitoring.exports.choice import NAMES
from monitoring.exports.formats import FORMATS
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Export

# Which the form has no field for: pages of topics and experiments and the list of turns lead here.
HIDDEN = ("topic", "variant", "imported")
_ANY = [("", "All")]


class ExportForm(forms.Form):
    """Nothing is checked here that the service checks."""

    file_format = forms.ChoiceField(
        label="Format",
        choices=[(name, one.title) for name, one in FORMATS.items()],
        widget=UnfoldAdminSelectWidget,
        help_text="JSONL and Parquet hold everything, nested; CSV has one flat row a turn.",
    )
    users = forms.ChoiceField(
        choices=Export.Users.choices,
        initial=Export.Users.IDS,
        widget=UnfoldAdminSelectWidget,
        help_text="A number tells users apart without saying who they are.",
    )
    with_texts = forms.BooleanField(
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Questions, answers, hits, comments, notes, corrections. Without them numbers are left.",
    )
    origin = forms.ChoiceField(
        choices=[(origin, origin) for origin in Origin.values],
        initial=Origin.USER,
        widget=UnfoldAdminSelectWidget,
        help_text="Origins are never mixed in one file.",
    )
    since = forms.CharField(
        required=False, label="Asked from", widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2026-11-03T14:00"})
    )
    until = forms.CharField(
        required=False,
        label="Asked before",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "now"}),
        help_text="Empty: until now. What is asked from now on is in the next export.",
    )
    collection = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    config = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    model = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "All"}), help_text="The exact name."
    )
    outcome = forms.ChoiceField(
        required=False,
        choices=_ANY + [(name, words) for name, (words, _) in OUTCOMES.items() if name != "unfinished"],
        widget=UnfoldAdminSelectWidget,
    )
    vote = forms.ChoiceField(
        required=False,
        choices=_ANY + [(name, words) for name, (words, _) in VOTES.items()],
        widget=UnfoldAdminSelectWidget,
    )
    failing = forms.ChoiceField(
        required=False,
        label="Failing verdict",
        choices=_ANY + [(name, one.title.lower()) for name, one in CRITERIA.items() if one.failing],
        widget=UnfoldAdminSelectWidget,
    )
    topic = forms.CharField(required=False, widget=forms.HiddenInput)
    variant = forms.CharField(required=False, widget=forms.HiddenInput)
    imported = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        collections = Collection.objects.order_by("name").values_list("pk", "name")
        configs = [(config.pk, str(config)) for config in PipelineConfig.objects.all()]
        self._offer("collection", [(NO_COLLECTION, "(all were searched)"), *collections])
        self._offer("config", configs)

    def _offer(self, name: str, choices: list[tuple[Any, str]]) -> None:
        self.fields[name].choices = [*_ANY, *choices]  # type: ignore[attr-defined] # a ChoiceField

    def typed(self) -> Mapping[str, str]:
        """Return the filters as the address of the list of turns has them."""
        return {name: self.cleaned_data[name] for name in NAMES if self.cleaned_data.get(name)}
