"""The time that the dashboard is about: ranges, their steps, the time before, zones; and what is said of a change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from monitoring.dashboard.changes import Measured, difference, relative_change
from monitoring.dashboard.period import DAY, HOUR, MINUTE, RANGES, Step, between, first_moment, latest
from monitoring.dashboard.words import NOTHING, changed, interval, spoken_step, written

BERLIN, KOLKATA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
HAVANA, CAIRO = ZoneInfo("America/Havana"), ZoneInfo("Africa/Cairo")
NOW = datetime(2026, 11, 28, 13, 7, 20, tzinfo=UTC)


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)


def test_24_hours_are_the_current_one_and_the_23_before():
    period = latest("24h", now=NOW, zone=BERLIN)

    assert (period.since, period.until) == (at(27, 14), at(28, 13, 7, 21))
    assert (period.since_before, period.until_before) == (at(26, 14), at(27, 13, 7, 21))
    steps = period.steps()
    assert len(steps) == 24
    assert steps[0] == Step(at(27, 14), at(27, 14), at(27, 15))
    assert steps[-1] == Step(at(28, 13), at(28, 13), at(28, 13, 7, 21))


def test_30_days_begin_at_the_viewers_midnight():
    period = latest("30d", now=NOW, zone=BERLIN)

    assert (period.since, period.since_before) == (at(29, 23, month=10), at(29, 22, month=9))  # summer time before
    assert period.until_before == at(29, 13, 7, 21, month=10)
    assert len(period.steps()) == 30
    assert spoken_step(period.steps()[-1], period) == "Sat 28 Nov"


def test_days_of_a_zone_with_half_hours_are_counted_from_the_next_full_hour():
    step = latest("30d", now=NOW, zone=KOLKATA).steps()[-1]

    assert step == Step(at(27, 18, 30), at(27, 19), at(28, 13, 7, 21))


def test_a_range_that_ends_in_the_half_hour_after_midnight_ends_with_the_day_before():
    period = between(at(1, 18, 10), at(27, 18, 50), zone=KOLKATA)

    first, *_, last = period.steps()
    assert first == Step(at(31, 18, 30, month=10), at(1, 18, 10), at(1, 19))
    assert last == Step(at(26, 18, 30), at(26, 19), at(27, 18, 50))


def test_a_day_with_two_midnights_begins_at_the_first():
    days = between(at(1, 4, month=9), at(3, 5), zone=HAVANA).steps()
    assert days[-2:] == (Step(at(1, 4), at(1, 4), at(2, 5)), Step(at(2, 5), at(2, 5), at(3, 5)))


@pytest.mark.parametrize(
    ("local", "zone", "moment"),
    [
        (datetime(2026, 10, 25, 2, 30), BERLIN, at(25, 0, 30, month=10)),  # twice: the first
        (datetime(2026, 3, 29, 2, 30), BERLIN, at(29, 1, month=3)),  # never: 03:00 follows 01:59
        (datetime(2026, 3, 29, 3), BERLIN, at(29, 1, month=3)),
        (datetime(2026, 4, 24), CAIRO, at(23, 22, month=4)),
        (datetime(2026, 4, 24, 0, 59, 59), CAIRO, at(23, 22, month=4)),
        (datetime(2011, 12, 30, 12), ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 10, tzinfo=UTC)),  # no such day
    ],
)
def test_a_time_that_clocks_show_twice_or_never_is_a_moment(local, zone, moment):
    assert first_moment(local, zone) == moment


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN, KOLKATA])
def test_steps_cover_the_range_and_the_time_before_is_as_long(name, zone):
    period = latest(name, now=NOW, zone=zone)
    steps = period.steps()

    assert (steps[0].begin, steps[-1].end) == (period.since, period.until)
    assert all(one.end == other.begin for one, other in pairwise(steps))
    assert len(steps) == RANGES[name][1]
    assert period.until_before <= period.since
    lengths = period.until - period.since, period.until_before - period.since_before
    assert abs(lengths[0] - lengths[1]) <= HOUR  # an hour more or less where the clock was changed


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (HOUR, MINUTE),
        (2 * HOUR, 5 * MINUTE),
        (DAY, 15 * MINUTE),
        (4 * DAY, HOUR),
        (60 * DAY, DAY),
        (400 * DAY, 7 * DAY),
    ],
)
def test_a_range_of_ones_own_has_a_hundred_steps_at_most(length, step):
    period = between(at(2, 10, 17), at(2, 10, 17) + length, zone=UTC_ZONE)

    assert period.step == step
    assert len(period.steps()) <= 102  # the first and the last are parts
    assert (period.since_before, period.until_before) == (at(2, 10, 17) - length, at(2, 10, 17))


def test_weeks_begin_on_monday():
    period = between(at(3), at(3) + 400 * DAY, zone=BERLIN)

    assert period.steps()[1].at == at(8, 23)  # the 9th is a Monday


def test_a_difference_is_unclear_as_long_as_its_interval_holds_zero():
    # 6 of 10 against 9 of 10: Newcombe's interval for the difference is -0.58 to 0.09
    change = difference(Measured(0.6, 0.313, 0.832), Measured(0.9, 0.596, 0.982), better="more")

    assert change.by == pytest.approx(-0.3)
    assert change.verdict == "unclear"


@pytest.mark.parametrize(("better", "verdict"), [("more", "worse"), ("less", "better"), ("neither", "none")])
def test_a_clear_difference_is_good_or_bad_by_what_is_measured(better, verdict):
    # 60 of 100 against 90 of 100: -0.41 to -0.18
    change = difference(Measured(0.6, 0.502, 0.691), Measured(0.9, 0.826, 0.945), better=better)

    assert change.verdict == verdict


def test_rates_of_few_are_not_compared():
    change = difference(Measured(0.686, 0.669, 0.704, 2727), Measured(0.0, 0.0, 0.793, 1), better="more")

    assert (change.by, change.verdict) == (None, "none")
    assert changed(change, 0.0, "ratio") == "before: 0\N{NO-BREAK SPACE}%"


def test_unknown_has_no_change():
    assert difference(Measured(None), Measured(0.5, 0.4, 0.6), better="more") is None
    assert relative_change(None, 5, rests_on=5) is None
    assert relative_change(5, None, rests_on=0) is None
    assert relative_change(0, 0, rests_on=0) is None


@pytest.mark.parametrize(
    ("current", "before", "rests_on", "words"),
    [
        (60, 40, 40, "+50 %"),
        (1, 40, 40, "−98 %"),  # noqa: RUF001 # the sign that stands there
        (0, 40, 40, "−100 %"),  # noqa: RUF001
        (99, 10, 10, "+890 %"),
        (100, 10, 10, "10 times as much"),
        (1234, 99, 99, "12 times as much"),
        (1000, 10, 10, "before: 10"),  # a hundred-fold: the factor says no more than the figures
        (149_350, 10, 10, "before: 10"),
        (12, 9, 9, "before: 9"),  # too few to measure by
        (12, 0, 0, "before: 0"),
    ],
)
def test_a_change_is_said_by_what_says_most(current, before, rests_on, words):
    change = relative_change(current, before, rests_on=rests_on)

    assert changed(change, before, "count").replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "ratio", NOTHING),
        (0, "ratio", "0 %"),
        (0.0004, "ratio", "0.04 %"),
        (0.0412, "ratio", "4.1 %"),
        (0.9999, "ratio", "> 99.9 %"),
        (1, "ratio", "100 %"),
        (1234, "count", "1,234"),
        (0.34, "seconds", "340 ms"),
        (1.239, "seconds", "1.24 s"),
        (0, "usd", "$0"),
        (0.0012345, "usd", "$0.0012"),
        (1234.5, "usd", "$1,234.50"),
        (0.9234, "score", "0.923"),
    ],
)
def test_values_are_written_with_their_unit(value, unit, words):
    assert written(value, unit).replace("\N{NO-BREAK SPACE}", " ") == words


def test_an_interval_names_its_unit_once():
    assert interval(Measured(0.04, 0.012, 0.098), "ratio") == "1.2 to 9.8\N{NO-BREAK SPACE}%"
    assert interval(Measured(0.04), "ratio") == ""


def test_the_latest_range_ends_after_a_turn_of_this_very_second():
    now = NOW + timedelta(milliseconds=700)

    assert latest("1h", now=now, zone=UTC_ZONE).until > now
