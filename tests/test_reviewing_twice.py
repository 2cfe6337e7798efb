"""Two reviewers of one item are blind to each other until both have decided."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from monitoring.exceptions import ReservedError
from monitoring.models import Flag, Review, ReviewItem
from monitoring.reviewing.deciding import decide, reopen
from monitoring.reviewing.opinions import outcome_of, progress_of
from monitoring.reviewing.reserving import reserve, reserve_next
from monitoring.reviewing.verdict import Verdicts
from tests.review_rows import make_member, make_review_item
from tests.reviewed import said, turn_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_chance(settings) -> None:
    settings.REVIEW_SAMPLE_RATE = 0.0
    settings.REVIEW_DOUBLE_RATE = 0.0


@pytest.fixture
def ann():
    return make_member("reviewer", username="ann")


@pytest.fixture
def bob():
    return make_member("reviewer", username="bob")


# Two reviewers


def test_two_reviewers_are_wanted_and_then_it_is_finished(ann, bob):
    item = make_review_item(reviews_wanted=2)
    reserve(item=item, reviewer=ann)
    reserve(item=item, reviewer=bob)
    with pytest.raises(ReservedError):
        reserve(item=item, reviewer=make_member())

    decide(item=item, reviewer=ann, verdicts=said(turn_of(item)))
    item.refresh_from_db()
    assert item.status == "IN_REVIEW"
    assert Flag.objects.get().settled_at is None
    with pytest.raises(ReservedError, match="waits for a second reviewer"):
        reserve(item=item, reviewer=ann)
    assert reserve_next(reviewer=ann) is None

    decide(item=item, reviewer=bob, verdicts=said(turn_of(item)), seen_flags=[Flag.objects.get().pk])
    item.refresh_from_db()
    assert item.status == "RESOLVED"


def test_dismissed_by_one_of_two_is_resolved(ann, bob):
    item = make_review_item(reviews_wanted=2)
    decide(item=item, reviewer=ann, verdicts=Verdicts(), is_dismissed=True)

    decide(item=item, reviewer=bob, verdicts=said(turn_of(item)), seen_flags=[Flag.objects.get().pk])

    item.refresh_from_db()
    assert item.status == "RESOLVED"


def test_second_reviewer_sees_nothing_of_the_first_until_both_have_decided(ann, bob):
    item = make_review_item(reviews_wanted=2)
    turn = turn_of(item)
    verdicts = Verdicts(turns={turn.pk: {"relevance": "RELEVANT"}}, corrections={turn.pk: "Five."}, note="Odd.")
    decide(item=item, reviewer=ann, verdicts=verdicts)

    blind = outcome_of(item, bob, is_reviewer=True)
    assert (list(blind.reviews), blind.opinions, blind.corrections) == ([], {}, {})
    assert [review.reviewer for review in outcome_of(item, ann, is_reviewer=True).reviews] == [ann]
    assert LogEntry.objects.get().change_message == "Gave one of two reviews."

    decide(item=item, reviewer=bob, verdicts=said(turn, relevance="NON_RELEVANT"), seen_flags=[Flag.objects.get().pk])
    item.refresh_from_db()
    both = outcome_of(item, bob, is_reviewer=True)
    assert [review.reviewer for review in both.reviews] == [ann, bob]
    (opinion,) = both.opinions[turn.pk]
    assert (opinion.labels, opinion.agrees) == (("RELEVANT", "NON_RELEVANT"), False)
    assert (both.agreed, both.compared) == (0, 1)
    assert both.corrections == {turn.pk: [("ann", "Five.")]}


def test_label_that_is_given_again_in_a_second_round_is_hidden_too(ann, bob):
    item = make_review_item()
    turn = turn_of(item)
    decide(item=item, reviewer=ann, verdicts=said(turn), seen_flags=[Flag.objects.get().pk])
    reopen(item=item, reviewer=ann)
    ReviewItem.objects.update(reviews_wanted=2)
    item.refresh_from_db()
    assert outcome_of(item, bob, is_reviewer=True).opinions != {}

    decide(item=item, reviewer=ann, verdicts=said(turn, relevance="NON_RELEVANT"))

    item.refresh_from_db()
    assert outcome_of(item, bob, is_reviewer=True).opinions == {}


def test_operator_who_does_not_review_sees_what_was_decided(ann):
    item = make_review_item(reviews_wanted=2)
    decide(item=item, reviewer=ann, verdicts=said(turn_of(item)))

    assert len(outcome_of(item, make_member("operator"), is_reviewer=False).reviews) == 1


def test_progress_counts_today_and_what_is_left_for_one(ann, bob):
    items = [make_review_item() for _ in range(4)]
    decide(item=items[0], reviewer=ann, verdicts=said(turn_of(items[0])), seen_flags=[turn_of(items[0]).flags.get().pk])
    decide(item=items[1], reviewer=ann, verdicts=said(turn_of(items[1])), seen_flags=[turn_of(items[1]).flags.get().pk])
    Review.objects.filter(item=items[0]).update(decided_at=timezone.now() - timedelta(days=2))
    reserve(item=items[2], reviewer=bob)

    progress = progress_of(ann)

    assert (progress.done, progress.left, progress.total) == (1, 1, 2)
