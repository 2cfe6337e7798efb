"""What a run says: means with n and interval, what is unscored, how values are spread, parts of the dataset, and the
worst items."""

from decimal import Decimal

import pytest

from monitoring.evaluation.export import interval_as_dict, run_as_dict
from monitoring.evaluation.report import histogram, summarise, worst_items
from monitoring.evaluation.results import load_repetitions, load_results
from monitoring.evaluation.tables import markdown_table, summary_rows, text_table
from tests.factories import (
    make_collection,
    make_dataset,
    make_document,
    make_evaluation_item,
    make_item,
    make_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    """Three scored items and one that is not, about three documents."""
    dataset = make_dataset(name="faq")
    run = make_run(dataset=dataset, duration_seconds=1.25)
    first = make_document(("a" * 300,), heading_path="Setup > Docker")
    second = make_document(("b" * 3000,), heading_path="Setup > Python", collection=first.collection)
    third = make_document(("c" * 300,), heading_path="Homework", collection=make_collection(name="other"))
    for document, mrr, tags in [(first, 1.0, ["easy"]), (second, 0.5, ["easy", "long"]), (third, 0.0, [])]:
        item = make_item([document], dataset=dataset, tags=tags)
        make_evaluation_item({"mrr": mrr, "hit_rate": float(mrr > 0)}, run=run, item=item)
    make_evaluation_item({"mrr": None, "hit_rate": None}, run=run)
    return run


def test_means_have_n_and_interval_and_the_unscored_are_counted(run):
    summary = summarise(run)

    mrr = summary.measures["mrr"]
    assert (mrr.interval.value, mrr.interval.n) == (0.5, 3)
    assert mrr.interval.low < 0.5 < mrr.interval.high
    assert (mrr.unscored, mrr.reasons) == (1, {"no verdict": 1})
    assert list(summary.measures) == ["hit_rate", "mrr"]
    assert (summary.items, summary.failed, summary.main_measure) == (4, 0, "mrr")


def test_a_measure_that_nothing_is_scored_by_has_no_mean():
    row = make_evaluation_item({"groundedness": None})

    summary = summarise(row.run)

    assert summary.measures["groundedness"].interval is None
    assert interval_as_dict(None) == {"value": None, "low": None, "high": None, "n": 0}


def test_a_run_without_items_says_so():
    summary = summarise(make_run())

    assert (summary.items, summary.measures, summary.worst, summary.main_measure) == (0, {}, (), "")


def test_repetitions_of_an_item_are_one_observation(run):
    item = run.items.earliest("pk").item
    make_evaluation_item({"mrr": 0.0}, run=run, item=item, repetition=2)

    results = load_results(run)

    assert results.values["mrr"][item.pk] == 0.5
    assert results.interval("mrr").n == 3
    first, second = load_repetitions(run)["mrr"]
    assert (first[item.pk], second) == (1.0, {item.pk: 0.0})


def test_parts_of_the_dataset_have_their_own_means(run):
    slices = summarise(run).slices

    found = {
        kind: {part.label: (part.items, part.measures["mrr"] and part.measures["mrr"].value) for part in parts}
        for kind, parts in slices.items()
    }
    assert found["tag"] == {"easy": (2, 0.75), "long": (1, 0.5)}
    assert found["section"] == {"Setup": (2, 0.75), "Homework": (1, 0.0)}
    assert found["length"] == {"up to 500 characters": (2, 0.5), "2,000 to 10,000 characters": (1, 0.5)}
    assert found["collection"]["other"] == (1, 0.0)
    assert found["collection"]["(all collections)"] == (1, None)


def test_what_does_not_divide_the_items_is_left_out():
    row = make_evaluation_item({"mrr": 1.0})

    assert summarise(row.run).slices == {}


def test_worst_items_come_first_and_failed_ones_before_them(run):
    failed = make_evaluation_item({"mrr": None}, run=run, error="The model failed.")

    worst = summarise(run, worst=3).worst

    assert worst[0].item_id == failed.item_id
    assert worst[0].error == "The model failed."
    assert [item.values["mrr"] for item in worst[1:]] == [0.0, 0.5]
    more = worst_items(load_results(run), measure="mrr", limit=10, offset=3)
    assert [item.values["mrr"] for item in more] == [1.0]


def test_cost_is_unknown_where_that_of_a_call_is(run):
    run.cost_usd = Decimal("0.75")
    assert summarise(run).cost_usd == Decimal("0.75")

    run.unpriced_calls = 1

    assert summarise(run).cost_usd is None


def test_the_spread_counts_ends_in_their_bins():
    counts = [found.count for found in histogram([0.0, 0.05, 0.1, 0.3, 0.95, 1.0])]

    assert counts == [2, 1, 0, 1, 0, 0, 0, 0, 0, 2]


def test_summary_takes_few_queries(run, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        summarise(run)


def test_json_has_null_for_what_is_unknown(run):
    figures = run_as_dict(summarise(run))

    assert figures["mrr"] | {"low": None, "high": None} == {"value": 0.5, "low": None, "high": None, "n": 3}
    assert figures["unscored"] == {"hit_rate": 1, "mrr": 1}
    assert (figures["dataset"], figures["split"], figures["k"], figures["items"]) == ("faq", "test", 5, 4)
    assert (figures["seconds"], figures["run"], figures["config"]) == (1.25, run.pk, f"{run.config.name} v1")


def test_tables_show_interval_and_n(run):
    rows = summary_rows([summarise(run)])

    assert rows[0] == ["", f"{run.config.name} v1"]
    assert dict(rows)["mrr"].startswith("0.500 [")
    assert (dict(rows)["n"], dict(rows)["unscored"]) == ("3", "1")
    assert "mrr       0.500 [" in text_table(rows)
    assert markdown_table([["a|b", "c"], ["1", "2"]]) == "| a\\|b | c |\n|---|---|\n| 1 | 2 |"
