"""Where there is nothing to show: when there was something last."""

from datetime import datetime

from monitoring import reports
from monitoring.dashboard.choice import Choice
from monitoring.dashboard.period import DAY, Step, full_hour, midnight

DAYS = 365  # further back nobody looks


def last_day(choice: Choice, *, now: datetime) -> Step | None:
    """Return the last day with a turn of the choice, of the year before now; None where there is none. One query."""
    zone = choice.period.zone
    since, until = midnight(now, zone, days=-DAYS), midnight(now, zone, days=1)
    filters = reports.Filters(
        since=since,
        until=until,
        origin=choice.origin,
        collection_id=choice.collection_id,
        config_id=choice.config_id,
        model=choice.model,
        zone=zone.key,
    )
    days = [row["at"] for row in reports.read("turns", filters, step=DAY) if row["turns"]]
    if not days:
        return None
    day = days[-1]
    return Step(day, full_hour(day), full_hour(midnight(day, zone, days=1)))
