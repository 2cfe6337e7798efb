"""The review queue: who is at work on what, and what a decision stores."""

import threading
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.utils import timezone

from chat.models import Turn
from monitoring.exceptions import ReservedError, ReviewError
from monitoring.flags.raising import raise_flags
from monitoring.models import CorrectedAnswer, Flag, JudgeVersion, Review, ReviewItem, Score
from monitoring.reviewing.deciding import decide, reopen
from monitoring.reviewing.reserving import release, release_expired, reserve, reserve_next
from monitoring.reviewing.verdict import CORRECTION_MAX_CHARS, NOTE_MAX_CHARS, Verdicts
from tests.factories import make_conversation, make_turn
from tests.review_rows import make_flag, make_member, make_review_item, make_verdict
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


def run_out() -> None:
    Review.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))


# Reserving


def test_next_is_the_first_of_the_queue_and_reserved(settings, ann):
    settings.REVIEW_RESERVATION_MINUTES = 20
    make_review_item(priority=1)
    urgent = make_review_item(priority=8)

    assert reserve_next(reviewer=ann) == urgent
    review = Review.objects.get()
    assert (review.item, review.reviewer, review.is_held) == (urgent, ann, True)
    assert timedelta(minutes=19) < review.reserved_until - timezone.now() <= timedelta(minutes=20)
    urgent.refresh_from_db()
    assert urgent.status == "IN_REVIEW"


def test_of_the_same_priority_the_oldest_is_next(ann):
    make_review_item()
    older = make_review_item(opened_at=timezone.now() - timedelta(days=1))

    assert reserve_next(reviewer=ann) == older


def test_reviewer_goes_on_with_what_they_hold(ann):
    held = make_review_item(priority=1)
    reserve(item=held, reviewer=ann)
    make_review_item(priority=8)

    assert reserve_next(reviewer=ann) == held


def test_empty_queue_has_no_next(ann):
    make_review_item(status="RESOLVED")
    make_review_item(conversation=make_conversation(deleted_at=timezone.now()))

    assert reserve_next(reviewer=ann) is None


def test_what_is_passed_over_is_not_next(ann):
    first, second = make_review_item(priority=8), make_review_item(priority=1)

    assert reserve_next(reviewer=ann, without=[first.pk]) == second


def test_reserved_item_is_refused_to_another_by_name(ann, bob):
    item = make_review_item()
    reserve(item=item, reviewer=ann)

    with pytest.raises(ReservedError, match=r"^ann is reviewing this; it is reserved until \d\d:\d\d\.$"):
        reserve(item=item, reviewer=bob)
    assert reserve_next(reviewer=bob) is None


def test_reservation_that_ran_out_is_taken_over(ann, bob):
    item = make_review_item()
    reserve(item=item, reviewer=ann)
    run_out()

    assert reserve(item=item, reviewer=bob).is_held
    with pytest.raises(ReservedError, match="bob"):
        reserve(item=item, reviewer=ann)


def test_item_is_open_again_when_its_reservation_ran_out(ann):
    item = make_review_item()
    reserve(item=item, reviewer=ann)
    run_out()

    assert release_expired() == 1
    item.refresh_from_db()
    assert item.status == "OPEN"
    assert release_expired() == 0


def test_reserving_again_holds_on(ann):
    item = make_review_item()
    reserve(item=item, reviewer=ann)
    Review.objects.update(reserved_until=timezone.now() + timedelta(seconds=5))

    assert reserve(item=item, reviewer=ann).reserved_until > timezone.now() + timedelta(minutes=1)
    assert Review.objects.count() == 1


def test_released_item_is_open_for_others(ann, bob):
    item = make_review_item()
    reserve(item=item, reviewer=ann)

    release(item=item, reviewer=ann)

    item.refresh_from_db()
    assert item.status == "OPEN"
    assert not Review.objects.exists()
    assert reserve_next(reviewer=bob) == item


def test_finished_item_cannot_be_reserved(ann):
    with pytest.raises(ReservedError, match="has been reviewed"):
        reserve(item=make_review_item(status="DISMISSED"), reviewer=ann)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_the_item_and_all_get_different_ones():
    item = make_review_item(priority=9)
    people = [make_member() for _ in range(6)]
    outcomes: list[object] = []

    def take(person) -> None:
        try:
            outcomes.append(reserve(item=item, reviewer=person).reviewer_id)
        except ReservedError:
            outcomes.append("refused")
        connection.close()

    _at_once([lambda person=person: take(person) for person in people])
    assert outcomes.count("refused") == 5

    for _ in range(5):
        make_review_item()
    got: list[object] = []

    def take_next(person) -> None:
        item = reserve_next(reviewer=person)
        got.append(item.pk if item else None)
        connection.close()

    _at_once([lambda person=person: take_next(person) for person in people])
    assert len(set(got)) == 6
    assert None not in got


def _at_once(jobs) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Deciding


def test_decision_is_stored_whole(ann):
    item = make_review_item()
    turn = turn_of(item)
    verdicts = Verdicts(
        turns={turn.pk: {"relevance": "PARTLY_RELEVANT", "toxicity": "NOT_TOXIC"}},
        conversation={"session_quality": "BAD"},
        corrections={turn.pk: "Press the green button."},
        note="The manual is out of date.",
    )

    review = decide(item=item, reviewer=ann, verdicts=verdicts, seen_flags=[turn.flags.get().pk])

    scores = Score.objects.by_reviewers().order_by("name").values_list("name", "label", "value", "conversation_id")
    assert list(scores) == [
        ("relevance", "PARTLY_RELEVANT", 0.5, None),
        ("session_quality", "BAD", 0.0, item.conversation_id),
        ("toxicity", "NOT_TOXIC", 1.0, None),
    ]
    assert {score.turn_id for score in Score.objects.all()} == {turn.pk}
    assert CorrectedAnswer.objects.get().text == "Press the green button."
    assert (review.note, review.is_dismissed, review.reserved_until) == ("The manual is out of date.", False, None)
    item.refresh_from_db()
    assert (item.status, item.priority) == ("RESOLVED", 0)
    assert item.resolved_at is not None
    assert Flag.objects.get().settled_at is not None
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (ann, str(item.pk))
    assert entry.change_message == "Reviewed: 3 labels, 1 corrected answer, a note."


def test_dismissed_item_is_done_with(ann):
    item = make_review_item()

    decide(item=item, reviewer=ann, verdicts=Verdicts(), seen_flags=[turn_of(item).flags.get().pk], is_dismissed=True)

    item.refresh_from_db()
    assert item.status == "DISMISSED"
    assert LogEntry.objects.get().change_message == "Dismissed: 0 labels."


def test_second_decision_of_the_same_reviewer_is_refused(ann):
    item = make_review_item()
    decide(
        item=item, reviewer=ann, verdicts=said(turn_of(item)), seen_round=1
    )  # and a flag that was not seen opens round 2

    with pytest.raises(ReviewError, match="decided this already"):
        decide(item=item, reviewer=ann, verdicts=said(turn_of(item), relevance="NON_RELEVANT"), seen_round=1)
    assert Score.objects.get().label == "RELEVANT"


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        (Verdicts(), "Nothing is said yet"),
        (Verdicts(turns={0: {"relevance": "RELEVANT"}}), "Turn 0 is not one of this conversation"),
        (Verdicts(corrections={0: "x"}), "Turn 0 is not one"),
        (Verdicts(conversation={"session_quality": "FINE"}), '"FINE" is no label of session_quality; there are: GOOD'),
        (Verdicts(conversation={"relevance": "RELEVANT"}), 'Nobody asks for "relevance" here'),
        (Verdicts(note="x" * (NOTE_MAX_CHARS + 1)), "The note has 5,001 characters; at most 5,000"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words_and_stores_nothing(ann, verdicts, reason):
    item = make_review_item()

    with pytest.raises(ReviewError, match=reason):
        decide(item=item, reviewer=ann, verdicts=verdicts)
    assert not Review.objects.exists()
    assert not LogEntry.objects.exists()


def test_unknown_label_and_endless_correction_are_refused(ann):
    item = make_review_item()
    turn = turn_of(item)

    with pytest.raises(ReviewError, match='"GREAT" is no label of relevance; there are: RELEVANT, PARTLY_RELEVANT'):
        decide(item=item, reviewer=ann, verdicts=said(turn, relevance="GREAT"))
    with pytest.raises(ReviewError, match=r"20,001 characters; at most 20,000"):
        decide(item=item, reviewer=ann, verdicts=Verdicts(corrections={turn.pk: "x" * (CORRECTION_MAX_CHARS + 1)}))


def test_conversation_deleted_meanwhile_is_refused(ann):
    item = make_review_item()
    item.conversation.deleted_at = timezone.now()
    item.conversation.save()

    with pytest.raises(ReviewError, match="deleted by its user"):
        decide(item=item, reviewer=ann, verdicts=said(turn_of(item)))


def test_decision_counts_after_the_reservation_ran_out_and_another_took_over(ann, bob):
    item = make_review_item()
    reserve(item=item, reviewer=ann)
    run_out()
    reserve(item=item, reviewer=bob)

    seen = [turn_of(item).flags.get().pk]
    decide(item=item, reviewer=ann, verdicts=said(turn_of(item)), seen_flags=seen)
    decide(item=item, reviewer=bob, verdicts=said(turn_of(item), relevance="NON_RELEVANT"), seen_flags=seen)

    assert Score.objects.by_reviewers().count() == 2
    item.refresh_from_db()
    assert item.status == "RESOLVED"


def test_flag_that_came_meanwhile_keeps_the_item_in_the_queue(ann):
    item = make_review_item()
    turn = turn_of(item)
    seen = turn.flags.get()
    make_flag(turn=turn, reason="SLOW")

    decide(item=item, reviewer=ann, verdicts=said(turn), seen_flags=[seen.pk])

    item.refresh_from_db()
    assert (item.status, item.round, item.priority) == ("OPEN", 2, 1)
    assert reserve_next(reviewer=ann) == item


def test_flags_of_other_conversations_are_not_settled(ann):
    item, other = make_review_item(), make_review_item()

    decide(item=item, reviewer=ann, verdicts=said(turn_of(item)), seen_flags=Flag.objects.values_list("pk", flat=True))

    assert Flag.objects.get(turn__conversation=other.conversation).settled_at is None


def test_who_reviews_a_reopened_item_again_changes_their_labels_and_keeps_the_first_review(ann):
    turn = make_turn(total_seconds=99)
    raise_flags([turn.pk])
    item = ReviewItem.objects.get()
    flag = turn.flags.get()
    decide(item=item, reviewer=ann, verdicts=said(turn), seen_flags=[flag.pk])
    Turn.objects.update(removed_citations=2)
    raise_flags([turn.pk])

    decide(item=item, reviewer=ann, verdicts=said(turn, relevance="NON_RELEVANT"))

    assert Score.objects.by_reviewers().get().label == "NON_RELEVANT"
    assert list(Review.objects.values_list("round", flat=True)) == [1, 2]


def test_finished_item_is_opened_again_by_hand(ann):
    item = make_review_item()
    decide(item=item, reviewer=ann, verdicts=said(turn_of(item)), seen_flags=[turn_of(item).flags.get().pk])

    reopen(item=item, reviewer=ann)

    item.refresh_from_db()
    assert (item.status, item.round) == ("OPEN", 2)
    assert reserve(item=item, reviewer=ann).round == 2
    with pytest.raises(ReviewError, match="waits for a review already"):
        reopen(item=item, reviewer=ann)


def test_labels_of_reviewers_make_a_judge_proven(settings, ann):
    settings.JUDGE_MIN_LABELS = 10
    version = make_verdict("SUPPORTED", turn=make_turn()).judge_version
    for number in range(12):
        item = make_review_item()
        label = "SUPPORTED" if number % 2 else "UNSUPPORTED"
        make_verdict(label, turn=turn_of(item), judge_version=version)
        decide(item=item, reviewer=ann, verdicts=said(turn_of(item), groundedness=label))

    version.refresh_from_db()
    assert version.standing == JudgeVersion.Standing.PROVEN
