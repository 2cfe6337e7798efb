"""What somebody looks at: a period and which turns. It makes the addresses of everything that belongs to it, so that an
address always says what is shown."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.urls import reverse

from chat.models.conversation import Origin
from monitoring.dashboard.period import DEFAULT_RANGE, OWN, Period, Step
from monitoring.reports import Filters

NAMES = ("range", "since", "until", "zone", "origin", "collection", "config", "model")


@dataclass(frozen=True, slots=True)
class Choice:
    """None: not filtered by that. `zone_name` is set where the address names one; else it is the viewer's own."""

    period: Period
    origin: str = Origin.USER.value
    collection_id: int | None = None
    config_id: int | None = None
    model: str | None = None
    zone_name: str = ""

    @property
    def filters(self) -> Filters:
        return self._filters(self.period.since, self.period.until)

    @property
    def filters_before(self) -> Filters:
        return self._filters(self.period.since_before, self.period.until_before)

    def _filters(self, since: datetime, until: datetime) -> Filters:
        return Filters(
            since=since,
            until=until,
            origin=self.origin,
            collection_id=self.collection_id,
            config_id=self.config_id,
            model=self.model,
            zone=self.period.zone.key,
        )

    @property
    def is_filtered(self) -> bool:
        return not (self.collection_id is None and self.config_id is None and self.model is None)

    def for_origin(self, origin: str) -> "Choice":
        """Return the same of another origin; its collections and configs are others, so those are let go."""
        return replace(self, origin=origin, collection_id=None, config_id=None, model=None)

    def query(self, *, range_name: str | None = None) -> str:
        """Return the query of the dashboard's address with its "?", or "" where all is as usual; of another range
        where one is named."""
        name = range_name or self.period.name
        parts: dict[str, str] = {}
        if name == OWN:
            parts |= {"range": OWN, "since": iso(self.period.since), "until": iso(self.period.until)}
        elif name != DEFAULT_RANGE:
            parts["range"] = name
        if self.zone_name:
            parts["zone"] = self.zone_name
        if self.origin != Origin.USER:
            parts["origin"] = self.origin
        parts |= self._narrowed()
        return f"?{urlencode(parts)}" if parts else ""

    def turns_url(self, step: Step | None = None, /, **more: object) -> str:
        """Return the address of the list of turns behind a figure: of a step, or of the whole period; `more` narrows it
        down, such as outcome="failed"."""
        begin, end = (step.begin, step.end) if step else (self.period.since, self.period.until)
        parts = {"since": iso(begin), "until": iso(end), "origin": self.origin, **self._narrowed()}
        parts |= {name: str(value) for name, value in more.items() if value is not None}
        return f"{reverse('admin:chat_turn_changelist')}?{urlencode(parts)}"

    def _narrowed(self) -> dict[str, str]:
        chosen = {"collection": self.collection_id, "config": self.config_id, "model": self.model}
        return {name: str(value) for name, value in chosen.items() if value is not None}


def iso(moment: datetime) -> str:
    """Return a moment as an address carries it, "2026-11-28T13:00:00Z"."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
