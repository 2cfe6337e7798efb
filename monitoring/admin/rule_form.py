"""The form of a judge rule: a judge that there is, a model where it asks one, and what the rule looks at."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from chat.rag.offline import OFFLINE_MODEL
from chat.services.configs import available_models
from monitoring.judges.registry import JUDGES
from monitoring.judging.rules import problem_of
from monitoring.models import JudgeRule

NO_MODEL = "None: the judge works without one"


class JudgeRuleForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable at run time
    judge = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    model = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="The language model that judges. Judges whose name ends in “offline” need none.",
    )

    class Meta:
        model = JudgeRule
        fields = (
            "name",
            "is_active",
            "judge",
            "model",
            "origin",
            "sampling_rate",
            "collection",
            "config",
            "daily_cap_calls",
            "daily_cap_usd",
        )
        labels = {
            "is_active": "On",
            "daily_cap_calls": "Verdicts",
            "daily_cap_usd": "Dollars",
            "sampling_rate": "Share",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "judge" not in self.fields:  # a page that only shows the rule has no fields
            return
        judges = [(judge.name, f"{judge.name}: {judge.question}") for judge in JUDGES.values()]
        self._offer("judge", judges)
        models = [name for name in available_models() if name != OFFLINE_MODEL]
        self._offer("model", [("", NO_MODEL), *((name, name) for name in models)])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Offer these, and what the rule has, though it may not be there any more."""
        current = getattr(self.instance, name)
        if current and current not in dict(choices):
            choices = [*choices, (current, f"{current} (not found here)")]
        self.fields[name].choices = choices  # type: ignore[attr-defined] # a ChoiceField

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("judge") and "model" in values:
            problem = problem_of(judge=values["judge"], model=values["model"])
            if problem:
                known = values["judge"] in JUDGES
                self.add_error("model" if known else "judge", problem)
        return values

    def as_rule(self) -> JudgeRule | None:
        """Return the rule as the form has it, to be looked at and not saved; None while too little is filled in."""
        self.full_clean()
        names = ("judge", "model", "sampling_rate", "collection", "config", "origin")
        if not self.is_bound or set(names) & set(self.errors):
            return None
        return JudgeRule(**{name: self.cleaned_data[name] for name in names})
