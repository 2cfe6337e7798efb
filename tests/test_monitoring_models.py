"""Versions of datasets, and the rules that the database keeps."""

import pytest
from django.db import IntegrityError

from monitoring.models import Dataset, ItemScore
from tests.factories import make_dataset, make_evaluation_item, make_item

pytestmark = pytest.mark.django_db


def test_a_version_has_what_was_added_by_then_and_not_removed():
    dataset = make_dataset()
    first = make_item(dataset=dataset)
    gone = make_item(dataset=dataset, removed_in=2)
    late = make_item(dataset=dataset, added_in=2)

    versions = [set(dataset.items.in_version(number)) for number in (1, 2)]

    assert versions == [{first, gone}, {first, late}]
    assert set(dataset.items.current()) == {first, late}


def test_the_list_counts_current_items(django_assert_num_queries):
    dataset = make_dataset()
    make_item(dataset=dataset)
    make_item(dataset=dataset, removed_in=2)
    make_dataset()

    with django_assert_num_queries(1):
        counts = [(row.latest, row.item_count) for row in Dataset.objects.with_latest().order_by("pk")]

    assert counts == [(1, 1), (1, 0)]


def test_the_same_question_is_once_in_a_dataset():
    item = make_item()

    with pytest.raises(IntegrityError):
        make_item(dataset=item.dataset, content_hash=item.content_hash)


def test_a_score_has_a_value_or_a_reason():
    row = make_evaluation_item({"hit_rate": 1.0, "groundedness": None})
    assert row.scores.get(name="groundedness").error == "no verdict"

    with pytest.raises(IntegrityError):
        ItemScore.objects.create(evaluation_item=row, name="mrr", value=None, error="")
