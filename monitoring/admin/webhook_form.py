"""The form of a webhook: each event and each origin with what it means."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from chat.models.conversation import Origin
from monitoring.exceptions import WebhookError
from monitoring.models import Webhook
from monitoring.models.webhooks import Event, live_origins
from monitoring.webhooks.addresses import read_url

ORIGINS = {
    Origin.USER: "Questions of people in the chat",
    Origin.API: "Questions of other programs",
    Origin.SYNTHETIC: "Made-up traffic",
}


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable at run time
    events = forms.MultipleChoiceField(
        choices=[(event.value, f"{event.label}: {event.value}") for event in Event],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label="Told when",
    )
    origins = forms.MultipleChoiceField(
        choices=[(origin.value, text) for origin, text in ORIGINS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=live_origins,
        label="Whose traffic",
        help_text="Of votes, flags, reviews and experiments. Alerts and evaluation runs are told in any case.",
    )

    class Meta:
        model = Webhook
        fields = ("name", "url", "events", "origins", "with_text", "is_active")
        labels = {"url": "Address", "with_text": "With texts", "is_active": "On"}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        try:
            read_url(url)
        except WebhookError as error:
            raise ValidationError(str(error)) from error
        return url

    def plain_fields(self) -> dict[str, Any]:
        """Return what was filled in, as the service takes it."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}
