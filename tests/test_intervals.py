"""Intervals of means: values by hand, what cannot be known, and how often they hold the truth."""

import numpy as np
import pytest

from monitoring.statistics.intervals import mean_interval


def test_no_values_have_no_mean():
    assert mean_interval([], []) is None
    assert mean_interval([None, None], ["a", "b"]) is None


def test_one_cluster_has_a_mean_and_no_interval():
    interval = mean_interval([0.0, 1.0, 1.0, 1.0], ["a"] * 4)

    assert (interval.value, interval.low, interval.high) == (0.75, None, None)
    assert (interval.n, interval.clusters) == (4, 1)


def test_unscored_items_are_counted_and_are_not_zero():
    interval = mean_interval([1.0, None, 1.0, 0.0, None], ["a", "b", "c", "d", "e"])

    assert interval.value == pytest.approx(2 / 3)
    assert (interval.n, interval.unscored, interval.clusters) == (3, 2, 3)


def test_all_right_is_not_certain():
    # Student's t for 19 degrees of freedom is 2.093, and Wilson's lower end for 20 of 20 is 20 / (20 + t^2).
    interval = mean_interval([1.0] * 20, range(20))

    assert interval.value == interval.high == 1.0
    assert interval.low == pytest.approx(20 / (20 + 2.093**2), abs=1e-4)


def test_hand_computed_interval():
    # 30 of 40 independent items; the standard error is sqrt(0.75 x 0.25 / 39) = 0.0693, worth 39 items; t is 2.0227:
    # center (0.75 + t^2/78) / (1 + t^2/39) = 0.7263, half t / (1 + t^2/39) x sqrt(0.1875/39 + t^2/4/39^2) = 0.1342.
    interval = mean_interval([1.0] * 30 + [0.0] * 10, range(40))

    assert interval.value == 0.75
    assert (interval.low, interval.high) == (pytest.approx(0.592, abs=0.01), pytest.approx(0.861, abs=0.01))


def test_items_of_one_document_are_not_independent():
    values = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0] * 10

    alone = mean_interval(values, range(80))
    clustered = mean_interval(values, [place // 4 for place in range(80)])

    assert clustered.value == alone.value
    assert clustered.high - clustered.low > 1.7 * (alone.high - alone.low)


def test_a_document_with_nearly_all_items_leaves_all_open():
    interval = mean_interval([0.0] + [1.0] * 1000, ["small"] + ["large"] * 1000)

    assert (interval.low, interval.high) == (pytest.approx(0.0, abs=0.01), 1.0)


def test_the_same_values_give_the_same_interval():
    values = [0.2, 0.9, 0.4, 0.4, 1.0, 0.0]

    assert mean_interval(values, "aabbcd") == mean_interval(values, "aabbcd")
    assert mean_interval(values, "aabbcd") == mean_interval(values, "xxyyzw")


def test_a_wider_confidence_has_a_wider_interval():
    values, clusters = [0.2, 0.9, 0.4, 0.4, 1.0, 0.0] * 5, range(30)

    wide, narrow = (mean_interval(values, clusters, confidence=confidence) for confidence in (0.99, 0.8))

    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_lengths_and_values_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 values and 1 clusters"):
        mean_interval([1.0, 0.0], ["a"])
    with pytest.raises(ValueError, match=r"outside of the scale 0\.0 to 1\.0"):
        mean_interval([1.5, 0.0], ["a", "b"])
    with pytest.raises(ValueError, match="outside of the scale"):
        mean_interval([float("nan"), 0.0], ["a", "b"])


@pytest.mark.parametrize(
    ("clusters", "size", "shape", "lowest", "highest"),
    [
        (60, 5, "ranks", 0.93, 0.97),
        (100, 3, "hits", 0.93, 0.97),
        (30, 4, "cosines", 0.93, 0.97),
        # Few documents and a mean near 1: here the percentiles of the bootstrap hold the truth 65 times of 100.
        (20, 1, "hits", 0.93, 0.99),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(clusters, size, shape, lowest, highest):
    generator = np.random.default_rng(5)
    documents = np.repeat(np.arange(clusters), size)

    def draw(count):
        """Values of `count` datasets at once, and their true mean; half of the spread is the document's."""
        own = generator.standard_normal((count, clusters * size))
        shared = generator.standard_normal((count, clusters))[:, documents]
        latent = (own + shared) / np.sqrt(2)
        if shape == "hits":
            return (latent < 1.6449).astype(float), 0.95
        if shape == "ranks":  # normal quantiles of 0.1, 0.2 and 0.3: not found, rank 3, rank 2; else rank 1
            ranked = np.array([0, 1 / 3, 1 / 2, 1])[np.searchsorted([-1.2816, -0.8416, -0.5244], latent)]
            return ranked, 0.1 / 3 + 0.1 / 2 + 0.7
        return 1 / (1 + np.exp(-latent)), 0.5

    datasets, truth = draw(1000)
    intervals = [mean_interval(values.tolist(), documents.tolist()) for values in datasets]
    held = sum(interval.low <= truth <= interval.high for interval in intervals) / len(intervals)

    assert lowest <= held <= highest
