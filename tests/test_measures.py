"""Retrieval measures: values by hand, agreement with a library that others use, ties, empty cases, repetitions."""

import random
from math import log2

import ir_measures
import pytest

from monitoring.evaluation.measures.base import Measurement, first_occurrences
from monitoring.evaluation.measures.registry import RETRIEVAL_MEASURES, measure_ranking

NAMES = ("hit_rate", "mrr", "ndcg", "precision", "recall", "map")


def values(qrels, ranking, k=5, level="document"):
    return {
        name: measured.value for name, measured in measure_ranking(level, qrels=qrels, ranking=ranking, k=k).items()
    }


def test_hand_computed_values():
    # a relevant: 3, c: 1, not found: z with 2
    qrels = {"a": 3, "c": 1, "z": 2, "b": 0}

    assert values(qrels, ["b", "a", "x", "c", "y"], k=4) == {
        "hit_rate": 1.0,
        "mrr": 1 / 2,
        "ndcg": pytest.approx((3 / log2(3) + 1 / log2(5)) / (3 + 2 / log2(3) + 1 / 2)),
        "precision": 2 / 4,
        "recall": pytest.approx(2 / 3),
        "map": pytest.approx((1 / 2 + 2 / 4) / 3),
    }


def test_twelve_relevance_lists_have_the_known_means():
    # One relevant document each: six times on rank 1, once on rank 3, five times not found.
    ranks = [1, None, None, None, None, 1, 1, 1, 1, 1, 3, None]
    rankings = [[("relevant" if rank == place else f"other-{place}") for place in range(1, 6)] for rank in ranks]

    measured = [values({"relevant": 1}, ranking) for ranking in rankings]

    assert round(sum(one["hit_rate"] for one in measured) / 12, 4) == 0.5833
    assert round(sum(one["mrr"] for one in measured) / 12, 4) == 0.5278


def test_equal_to_ir_measures_on_random_runs():
    theirs = {
        "hit_rate": "Success@{k}",
        "mrr": "RR@{k}",
        "ndcg": "nDCG@{k}",
        "precision": "P@{k}",
        "recall": "R@{k}",
        "map": "AP@{k}",
    }
    generator = random.Random(7)
    for _ in range(200):
        k = generator.choice([1, 3, 5, 10, 20])
        pool = [f"d{number}" for number in range(generator.randint(2, 40))]
        qrels = {name: generator.randint(0, 3) for name in generator.sample(pool, generator.randint(1, len(pool)))}
        qrels["sure"] = generator.randint(1, 3)
        ranking = generator.sample([*pool, "sure"], generator.randint(1, len(pool)))
        parsed = {name: ir_measures.parse_measure(text.format(k=k)) for name, text in theirs.items()}
        # Falling scores, so that the library ranks by position as we do.
        run = [ir_measures.ScoredDoc("q", name, 1000.0 - rank) for rank, name in enumerate(ranking)]
        judged = [ir_measures.Qrel("q", name, grade) for name, grade in qrels.items()]
        expected = ir_measures.calc_aggregate(list(parsed.values()), judged, run)

        assert values(qrels, ranking, k=k) == {
            name: pytest.approx(expected[measure], abs=1e-9) for name, measure in parsed.items()
        }


@pytest.mark.parametrize("qrels", [{}, {"a": 0}])
def test_nothing_relevant_is_unscored_and_says_why(qrels):
    measured = measure_ranking("document", qrels=qrels, ranking=["a", "b"], k=5)

    assert set(measured) == set(NAMES)
    assert {one.value for one in measured.values()} == {None}
    assert {one.error for one in measured.values()} == {"The item names nothing that is relevant."}


def test_nothing_found_is_zero():
    assert set(values({"a": 1}, []).values()) == {0.0}


def test_found_behind_the_cutoff_is_zero():
    assert set(values({"a": 1}, ["x", "y", "a"], k=2).values()) == {0.0}


def test_equal_grades_may_stand_in_any_order():
    qrels = {"a": 2, "b": 2, "c": 1}

    assert values(qrels, ["a", "b", "c"]) == values(qrels, ["b", "a", "c"])
    assert values(qrels, ["b", "a", "c"])["ndcg"] == 1.0


def test_a_perfect_ranking_of_more_relevant_than_k():
    qrels = dict.fromkeys("abcdefgh", 1)

    assert values(qrels, list("abcd"), k=4) == {
        "hit_rate": 1.0,
        "mrr": 1.0,
        "ndcg": 1.0,
        "precision": 1.0,
        "recall": 0.5,
        "map": 0.5,
    }


def test_what_is_found_twice_counts_once():
    assert values({"a": 1, "b": 1}, ["x", "a", "a", "a"], k=4) == {
        "hit_rate": 1.0,
        "mrr": 0.5,
        "ndcg": pytest.approx((1 / log2(3)) / (1 + 1 / log2(3))),
        "precision": 0.25,
        "recall": 0.5,
        "map": 0.25,
    }


def test_documents_rank_where_their_first_chunk_does():
    assert first_occurrences([7, 7, 3, 7, 9, 3]) == [7, 3, 9]
    assert first_occurrences([]) == []


def test_chunks_have_measures_of_their_own():
    measured = values({11: 1}, [10, 11], level="chunk")

    assert set(measured) == {f"chunk_{name}" for name in NAMES}
    assert measured["chunk_mrr"] == 0.5


def test_a_cutoff_below_one_is_refused():
    with pytest.raises(ValueError, match="k is 0"):
        measure_ranking("document", qrels={"a": 1}, ranking=["a"], k=0)


def test_a_measurement_is_a_value_or_a_reason():
    with pytest.raises(ValueError, match="not both"):
        Measurement(None)
    with pytest.raises(ValueError, match="not both"):
        Measurement(0.5, "why")


def test_the_registry_lists_each_measure_under_its_name():
    assert [*RETRIEVAL_MEASURES] == [*NAMES, *(f"chunk_{name}" for name in NAMES)]
    assert all(name == measure.name and measure.higher_is_better for name, measure in RETRIEVAL_MEASURES.items())
