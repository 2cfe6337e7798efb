"""The form that orders topics."""

from django import forms

from chat.models.conversation import Origin
from monitoring.topics.orders import DAYS

RANGES = {7: "last 7 days", 30: "last 30 days", 90: "last 90 days"}
ORIGINS = {Origin.USER: "of users", Origin.API: "of the API", Origin.SYNTHETIC: "of the demo"}


class TopicsForm(forms.Form):
    """Which questions are grouped."""

    days = forms.TypedChoiceField(choices=list(RANGES.items()), initial=DAYS, coerce=int, label="Time")
    origin = forms.ChoiceField(
        choices=[(origin.value, words) for origin, words in ORIGINS.items()], initial=Origin.USER.value, label="Whose"
    )
