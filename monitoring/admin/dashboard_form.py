"""What the dashboard's address asks for."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from chat.models import Collection, PipelineConfig
from chat.models.conversation import Origin
from monitoring.dashboard.choice import Choice
from monitoring.dashboard.period import DEFAULT_RANGE, LONGEST, MINUTE, OWN, RANGES, between, first_moment, latest
from monitoring.dashboard.zones import zone_named, zone_of


class MomentField(forms.DateTimeField):
    """A date and time of the viewer's zone, also one that its clocks show twice, or never."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            return super().to_python(value)
        except forms.ValidationError as error:
            if error.code != "ambiguous_timezone" or error.params is None:
                raise
            return first_moment(error.params["datetime"], error.params["current_timezone"])


class ChoiceForm(forms.Form):
    """All may be missing; then it is the last 24 hours of users' turns."""

    range = forms.ChoiceField(
        choices=[(name, name) for name in (*RANGES, OWN)],
        required=False,
        error_messages={"invalid_choice": f"There is no range “%(value)s”: choose one of {', '.join(RANGES)} or own."},
    )
    since = MomentField(required=False, error_messages={"invalid": "The begin is no date and time."})
    until = MomentField(required=False, error_messages={"invalid": "The end is no date and time."})
    zone = forms.CharField(required=False)
    origin = forms.ChoiceField(
        choices=Origin.choices,
        required=False,
        error_messages={"invalid_choice": f"There is no origin “%(value)s”: choose one of {', '.join(Origin.values)}."},
    )
    collection = forms.ModelChoiceField(
        Collection.objects.all(),
        required=False,
        error_messages={"invalid_choice": "That collection does not exist, or no longer."},
    )
    config = forms.ModelChoiceField(
        PipelineConfig.objects.all(),
        required=False,
        error_messages={"invalid_choice": "That pipeline config does not exist, or no longer."},
    )
    model = forms.CharField(required=False, max_length=200)

    def clean_zone(self) -> str:
        name = str(self.cleaned_data["zone"])
        if name and zone_named(name) is None:
            raise forms.ValidationError(f"There is no time zone “{name}”: name one such as Europe/Berlin.")
        return name

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if values.get("range") != OWN or "since" in self.errors or "until" in self.errors:
            return values
        if since is None or until is None:
            raise forms.ValidationError("A range of your own needs a begin and an end.")
        if until - since < MINUTE:
            raise forms.ValidationError("The end has to be a minute or more after the begin.")
        if until - since > LONGEST:
            raise forms.ValidationError(f"The range is too long: {LONGEST.days // 365} years at most.")
        return values


def read_choice(request: HttpRequest, *, now: datetime) -> tuple[Choice, list[str]]:
    """Return what the address asks for; where something in it is wrong, the usual view, and what is wrong."""
    own_zone = zone_of(request)
    zone = zone_named(request.GET.get("zone", "")) or own_zone
    with timezone.override(zone):  # times without an offset are the viewer's
        form = ChoiceForm(request.GET)
        problems = [] if form.is_valid() else [str(error) for errors in form.errors.values() for error in errors]
    if problems:
        return Choice(latest(DEFAULT_RANGE, now=now, zone=own_zone)), problems
    values = form.cleaned_data
    if values["range"] == OWN:
        period = between(values["since"], values["until"], zone=zone)
    else:
        period = latest(values["range"] or DEFAULT_RANGE, now=now, zone=zone)
    return Choice(
        period=period,
        origin=values["origin"] or Origin.USER.value,
        collection_id=values["collection"].pk if values["collection"] else None,
        config_id=values["config"].pk if values["config"] else None,
        model=values["model"] or None,
        zone_name=values["zone"],
    ), []
