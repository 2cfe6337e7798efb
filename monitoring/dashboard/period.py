"""The time that the dashboard is about, cut into steps, and the time before that it is compared with.

"24 h" is the current hour and the 23 before it, "30 d" is today and the 29 days before: whole steps but for the last,
which goes on. The time before is as long and begins as many steps earlier, so that both cover the same hours of the day
and do not overlap. Steps are those of the reports (SQL functions reports.step_of and begin_of): hours and less count
from the epoch, days begin at midnight of the viewer's zone, and several days count from Monday, 1 January 2001.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OWN = "own"
DEFAULT_RANGE = "24h"
# name: the length of a step and how many there are
RANGES = {
    "1h": (MINUTE, 60),
    "24h": (HOUR, 24),
    "7d": (6 * HOUR, 28),
    "30d": (DAY, 30),
    "90d": (DAY, 90),
}
OWN_STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY)
MOST_STEPS = 100
LONGEST = 5 * 365 * DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = datetime(2001, 1, 1).date()


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the period. `at` names it in the reports; [begin, end) is what is counted."""

    at: datetime
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """[since, until) in steps of `step`, and [since_before, until_before), which is as long."""

    name: str  # a key of RANGES, or OWN
    since: datetime
    until: datetime
    step: timedelta
    since_before: datetime
    until_before: datetime
    zone: ZoneInfo

    def steps(self) -> tuple[Step, ...]:
        """Return the steps; the first and the last end with the period."""
        ats = [step_of(self.since, self.step, self.zone)]
        while (following := self._following(ats[-1])) < self.until:
            ats.append(following)
        return self.steps_at(ats)

    def steps_at(self, ats: Sequence[datetime]) -> tuple[Step, ...]:
        """Return the steps that the reports name so."""
        begins = [self.since, *(self._counted_from(at) for at in ats[1:])]
        begins = [begin for begin in begins if begin < self.until]
        return tuple(map(Step, ats, begins, [*begins[1:], self.until]))

    def _following(self, at: datetime) -> datetime:
        return at + self.step if self.step < DAY else midnight(at, self.zone, days=self.step.days)

    def _counted_from(self, at: datetime) -> datetime:
        return full_hour(at) if self.step >= DAY else at


def step_of(moment: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """Return by which time the reports name the step of a moment."""
    if step < DAY:
        return moment - (moment - EPOCH) % step
    days = (moment.astimezone(zone).date() - FIRST_DAY).days
    return midnight(moment, zone, days=-(days % step.days))


def midnight(moment: datetime, zone: ZoneInfo, *, days: int = 0) -> datetime:
    """Return when the day of `moment` began in the zone, or the day so many days later."""
    day = moment.astimezone(zone).date() + timedelta(days=days)
    return first_moment(datetime.combine(day, time.min), zone)


def first_moment(local: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks of the zone show a time: for the first time where they are put back and show it twice, and
    right after it where they are put forward and never show it."""
    before, after = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        return before
    # By the clock as it was before and as it is after, these lie on both sides of the gap's end.
    low, high = after, before
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        is_after = middle.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset()
        low, high = (low, middle) if is_after else (middle, high)
    return high.replace(microsecond=0)


def full_hour(moment: datetime) -> datetime:
    """Return the moment, or the next full hour (UTC): hours are not cut, also where midnight is at half past."""
    return moment + (EPOCH - moment) % HOUR


def latest(name: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """Return the range of that name, up to `now`."""
    step, number = RANGES[name]
    until = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    if step < DAY:
        since = step_of(now, step, zone).astimezone(UTC) - (number - 1) * step
        since_before, until_before = since - number * step, until - number * step
    else:
        since, since_before = (full_hour(midnight(now, zone, days=1 - days)) for days in (number, 2 * number))
        shifted = until.astimezone(zone).replace(tzinfo=None) - timedelta(days=number)
        until_before = shifted.replace(tzinfo=zone).astimezone(UTC)
    return Period(name, since, until, step, since_before, until_before, zone)


def between(since: datetime, until: datetime, *, zone: ZoneInfo) -> Period:
    """Return a period of one's own, in about a hundred steps at most."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    step = next(step for step in OWN_STEPS if (until - since) / step <= MOST_STEPS)
    return Period(OWN, since, until, step, since - (until - since), since, zone)
