"""A deleted conversation takes along what reviewers wrote about it."""

import pytest
from django.utils import timezone

from monitoring.judging.forgetting import forget_deleted
from monitoring.models import CorrectedAnswer, Review, ReviewItem
from tests.factories import make_turn, make_user

pytestmark = pytest.mark.django_db


def reviewed(turn):
    item = ReviewItem.objects.create(conversation=turn.conversation, opened_at=timezone.now())
    review = Review.objects.create(
        item=item, reviewer=make_user(), note="It names the city.", decided_at=timezone.now()
    )
    return CorrectedAnswer.objects.create(review=review, turn=turn, text="It opens at six.")


def test_notes_and_corrections_are_forgotten_with_the_conversation():
    gone, kept = reviewed(make_turn()), reviewed(make_turn())
    type(gone.turn.conversation).objects.filter(pk=gone.turn.conversation_id).update(deleted_at=timezone.now())

    assert forget_deleted() == 2
    assert forget_deleted() == 0

    gone.refresh_from_db()
    gone.review.refresh_from_db()
    assert (gone.text, gone.review.note) == ("", "")
    kept.refresh_from_db()
    assert (kept.text, kept.review.note) == ("It opens at six.", "It names the city.")
