"""What people send to the chat. Limits on texts stand in the services, which also serve the API; here is what a form
adds: which choices are offered, and what an empty one means."""

from typing import Any, cast

from django import forms
from django.conf import settings

from chat.models import Collection, Conversation, Feedback
from chat.models.feedback import Reason
from chat.rag.config import SearchMode
from chat.services.configs import available_models, default_config
from chat.services.remembered import Remembered

SEARCH_LABELS = {mode.value: f"{mode.value.capitalize()} search" for mode in SearchMode}


@Remembered
def collection_choices() -> list[tuple[int, str]]:
    """Return id and name of each collection."""
    return list(Collection.objects.values_list("pk", "name"))


class ChoicesForm(forms.Form):
    """Model, search mode and collection. Only what RAGSITE_USER_CHOICES allows is there; an empty value leaves the
    choice to the config, or means all collections. A field that was not sent keeps what the conversation has."""

    model = forms.ChoiceField(required=False)
    search_mode = forms.ChoiceField(required=False, label="Search")
    collection = forms.ModelChoiceField(
        Collection.objects.all(), required=False, label="Collection", empty_label="All collections"
    )

    def __init__(self, *args: Any, conversation: Conversation | None = None, **kwargs: Any) -> None:
        self.conversation = conversation
        if conversation:
            kwargs["initial"] = {
                "model": conversation.model,
                "search_mode": conversation.search_mode,
                "collection": conversation.collection_id,
            } | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        config = default_config()
        self._offer("model", {name: name for name in self._models()}, config.model if config else "")
        self._offer("search_mode", SEARCH_LABELS, config.search_mode if config else "")
        cast("forms.ModelChoiceField[Collection]", self.fields["collection"]).choices = [
            ("", "All collections"),
            *collection_choices(),
        ]
        for name in {"model", "search_mode", "collection"} - settings.USER_CHOICES:
            self.fields.pop(name, None)

    def _models(self) -> list[str]:
        """Return the models that can answer, and the conversation's own: it may have gone since it was chosen."""
        models = available_models()
        chosen = self.conversation.model if self.conversation else ""
        return [*models, chosen] if chosen and chosen not in models else models

    def _offer(self, name: str, labels: dict[str, str], default: str) -> None:
        """Fill a select, the default first; nothing is shown where there is nothing to choose."""
        if len(labels) < 2:
            del self.fields[name]
            return
        empty = ("", f"Default: {labels.get(default, default)}" if default else "Default")
        choices = [empty, *labels.items()]
        self.fields[name] = forms.ChoiceField(required=False, label=self.fields[name].label, choices=choices)

    def chosen(self) -> dict[str, Any]:
        """Return model, search mode and collection for the services: as sent, else as the conversation has them."""
        before = self.conversation or Conversation()
        values = {"model": before.model, "search_mode": before.search_mode, "collection": before.collection}
        for name in values.keys() & self.fields.keys() & self.data.keys():
            values[name] = self.cleaned_data[name]
        return values


class QuestionForm(ChoicesForm):
    """A question with the choices beside it. A suggestion is a question that was clicked instead of typed."""

    question = forms.CharField(required=False, widget=forms.Textarea, strip=True)
    suggestion = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["question"] = cleaned.get("suggestion") or cleaned.get("question", "")
        return cleaned


class FeedbackForm(forms.Form):
    """A vote. The thumbs send a value alone; the form under them sends reasons and comment too (`details`)."""

    value = forms.TypedChoiceField(coerce=int, choices=Feedback.Value.choices)
    details = forms.BooleanField(required=False)
    reasons = forms.MultipleChoiceField(required=False, choices=Reason.choices)
    comment = forms.CharField(required=False, max_length=2000)

    def service_arguments(self) -> dict[str, Any]:
        """Return the arguments for `give_feedback`: reasons and comment only where the form had them."""
        data = self.cleaned_data
        if not data["details"]:
            return {"value": data["value"]}
        return {"value": data["value"], "reasons": data["reasons"], "comment": data["comment"]}


def first_error(form: forms.Form) -> str:
    """Return a form's first error as one sentence that names the field."""
    name, errors = next(iter(form.errors.items()))
    label = form[name].label if name in form.fields else ""
    return f"{label}: {errors[0]}" if label else str(errors[0])
