"""The form of a pipeline config: what it names must exist here."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from chat.exceptions import ConfigurationError
from chat.rag.prompt import prompt_names
from chat.services.configs import check_model_name, stage_problems


class ModelNameField(forms.CharField):
    """The name of a model whose provider is set up here."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=200, widget=UnfoldAdminTextInputWidget, **options)

    def clean(self, value: Any) -> str:
        name: str = super().clean(value)
        if name:
            try:
                check_model_name(name)
            except ConfigurationError as exc:
                raise ValidationError(str(exc)) from exc
        return name


class PipelineConfigForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable at run time
    model = ModelNameField(help_text='"provider/model", such as offline/extractive or openai/gpt-4o-mini.')
    fallback_model = ModelNameField(
        required=False, help_text="Tried once when the model fails before its first token. Empty: none."
    )
    rerank_model = ModelNameField(
        required=False, help_text="Language model that re-ranks, small and fast. Empty: the model that answers."
    )
    prompt = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget, help_text="A prompt file; its name ends in its version.", initial="answer_v1"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "prompt" in self.fields:  # a page that only shows the config has no fields
            self.fields["prompt"].choices = [(name, name) for name in prompt_names()]  # type: ignore[attr-defined] # a ChoiceField

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        needed = ("model", "query_count", "rerank", "rerank_model")
        if not self.errors.keys() & set(needed):
            problems = stage_problems(**{name: values.get(name, getattr(self.instance, name)) for name in needed})
            for name, problem in problems.items():
                self.add_error(name, problem)
        return values
