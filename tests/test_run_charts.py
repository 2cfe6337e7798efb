"""Plots of evaluation runs: what they count, and that everything has its place on the canvas."""

import pytest

from monitoring.admin import charts
from monitoring.templatetags.evaluation_values import difference, duration, measure


def _counts(chart: charts.BarChart) -> list[tuple[str, int]]:
    return [(bar.label, bar.count) for bar in chart.bars]


def test_few_values_have_a_bar_each():
    chart = charts.histogram([1, 1, 0.5, 1 / 3, 0, 1])

    assert _counts(chart) == [("0", 1), ("0.333", 1), ("0.5", 1), ("1", 3)]
    assert chart.count == 6
    assert [bar.short for bar in chart.bars] == ["0", "0.33", "0.5", "1"]
    assert chart.bars[-1].share == 0.5


def test_many_values_are_put_into_ten_bins_and_one_is_in_the_last():
    chart = charts.histogram([number / 40 for number in range(41)])

    assert _counts(chart)[0] == ("0 to 0.1", 4)
    assert _counts(chart)[-1] == ("0.9 to 1", 5)
    assert sum(count for _, count in _counts(chart)) == 41


def test_values_on_the_edge_of_a_bin_are_in_the_upper_one():
    chart = charts.histogram([*(number / 100 for number in range(20, 40)), 0.3, 0.6, 0.7])

    assert dict(_counts(chart)) | {"0.3 to 0.4": 11, "0.6 to 0.7": 1, "0.7 to 0.8": 1} == dict(_counts(chart))


def test_ranks_are_counted_to_the_last_that_occurs_and_misses_last():
    chart = charts.rank_chart([1, 1, 3, None])

    assert _counts(chart) == [("1", 2), ("2", 0), ("3", 1), ("none", 1)]
    assert [bar.is_miss for bar in chart.bars] == [False, False, False, True]


def test_far_ranks_are_counted_together():
    chart = charts.rank_chart([1, 11, 12, 30, None])

    assert _counts(chart)[-3:] == [("11", 1), ("12+", 2), ("none", 1)]
    assert len(chart.bars) == 13


@pytest.mark.parametrize("counts", [[], [("a", 0), ("b", 0)]])
def test_nothing_to_count_is_an_empty_chart(counts):
    assert charts.bar_chart(counts) == charts.BarChart((), (), 0)


@pytest.mark.parametrize("largest", [1, 3, 5, 6, 17, 99, 1234])
def test_bars_stand_on_the_floor_and_end_below_the_top_line(largest):
    chart = charts.bar_chart([("a", largest), ("b", 1)])

    assert all(bar.y + bar.height == pytest.approx(chart.floor) for bar in chart.bars)
    assert chart.ticks[-1].y <= chart.bars[0].y + 1e-9
    assert 2 <= len(chart.ticks) <= 6
    assert chart.left < chart.bars[0].x
    assert chart.bars[-1].x + chart.bars[-1].width < chart.right


def test_axis_has_a_tenth_of_room_and_ends_with_the_scale():
    assert charts.axis_of([0.82, 0.9]) == charts.Axis(0.7, 1.0)
    assert charts.axis_of([0.45]) == charts.Axis(0.3, 0.6)
    assert charts.axis_of([0.0, 1.0]) == charts.Axis(0.0, 1.0)
    assert charts.axis_of([]) == charts.Axis(0.0, 1.0)


def test_interval_that_is_longer_than_the_axis_ends_with_it():
    whisker = charts.whisker(charts.Axis(0.5, 1.0), low=0.1, value=0.75, high=1.0, mark=0.9)

    assert (whisker.low, whisker.value, whisker.high, whisker.mark) == (0.0, 50.0, 100.0, 80.0)


def test_numbers_are_written_for_people():
    assert [measure(0.92345), measure(None), measure(-0.5)] == ["0.923", "–", "−0.500"]  # noqa: RUF001
    assert [difference(0.0123), difference(-0.2), difference(None)] == ["+0.012", "−0.200", "–"]  # noqa: RUF001
    assert [duration(seconds) for seconds in (None, 0.84, 41.2, 200, 7500)] == [
        "–", "0.8 s", "41 s", "3 min 20 s", "2 h 5 min",  # noqa: RUF001
    ]  # fmt: skip
