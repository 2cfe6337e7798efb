"""The times that rules look at, as reports take them."""

from datetime import datetime, timedelta

from monitoring.alerts.base import Moment
from monitoring.reports import Filters


def last(moment: Moment, window: timedelta) -> Filters:
    """Return the time before the moment."""
    return _between(moment, moment.at - window, moment.at)


def before(moment: Moment, window: timedelta, baseline: timedelta) -> Filters:
    """Return the time before the window, which it is held against: whole hours, which are read from roll-ups alone."""
    until = (moment.at - window).replace(minute=0, second=0, microsecond=0)
    return _between(moment, until - baseline, until)


def _between(moment: Moment, since: datetime, until: datetime) -> Filters:
    return Filters(since=since, until=until, origin=moment.origin, collection_id=moment.collection_id)
