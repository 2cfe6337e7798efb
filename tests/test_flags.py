"""Flag rules: what they find, what opens the queue and what only sorts it, and that nothing happens twice."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chat.models import Feedback, Turn
from chat.services.feedback import withdraw_feedback
from monitoring.flags.raising import TAKEN_BACK, raise_flags, reasons_of, sweep_flags
from monitoring.flags.rules import RULES
from monitoring.models import Flag, JudgeVersion, Review, ReviewItem
from tests.factories import make_conversation, make_feedback, make_turn, make_user
from tests.review_rows import make_verdict

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_sample(settings) -> None:
    settings.REVIEW_SAMPLE_RATE = 0.0
    settings.REVIEW_DOUBLE_RATE = 0.0


def flags_of(turn: Turn) -> list[tuple[str, bool]]:
    return sorted(turn.flags.values_list("reason", "is_advisory"))


def test_thumbs_down_is_flagged_with_what_the_user_said():
    turn = make_turn()
    make_feedback(turn=turn, value=Feedback.Value.DOWN, reasons=["INACCURATE"], comment="It is five.")

    assert raise_flags([turn.pk]) == 1
    flag = turn.flags.get()
    assert (flag.reason, flag.detail, flag.is_advisory) == ("THUMBS_DOWN", "inaccurate: It is five.", False)
    assert turn.conversation.review_item.status == "OPEN"
    assert turn.conversation.review_item.priority == 6


def test_second_time_changes_nothing():
    turn = make_turn(status=Turn.Status.FAILED, error_code="timeout", error_message="No answer in 60 s.")
    raise_flags([turn.pk])
    item = ReviewItem.objects.get()

    assert raise_flags([turn.pk]) == 0
    assert sweep_flags() == 0
    assert Flag.objects.count() == 1
    assert ReviewItem.objects.get().opened_at == item.opened_at


@pytest.mark.parametrize(
    ("values", "reason", "detail"),
    [
        ({"status": "FAILED", "error_code": "timeout", "error_message": "No answer."}, "ERROR", "timeout: No answer."),
        ({"total_seconds": 20.5}, "SLOW", "20.5 s, more than 20 s"),
        ({"removed_citations": 1}, "WRONG_CITATION", "1 citation of hits that do not exist"),
        ({"removed_citations": 2}, "WRONG_CITATION", "2 citations of hits that do not exist"),
    ],
)
def test_what_is_recorded_always_flags(settings, values, reason, detail):
    settings.SLOW_SECONDS = 20
    turn = make_turn(**values)

    raise_flags([turn.pk])

    assert [(flag.reason, flag.detail, flag.is_advisory) for flag in turn.flags.all()] == [(reason, detail, False)]
    assert ReviewItem.objects.count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"status": "STREAMING", "total_seconds": 99},
        {"origin": "SYNTHETIC", "total_seconds": 99},
        {"origin": "EVALUATION", "status": "FAILED"},
        {"total_seconds": 20},
        {"total_seconds": None},
        {"removed_citations": None},
    ],
)
def test_other_turns_are_left_alone(settings, values):
    settings.SLOW_SECONDS = 20
    turn = make_turn(**values)

    assert raise_flags([turn.pk]) == 0
    assert not ReviewItem.objects.exists()


def test_deleted_conversation_is_left_alone():
    turn = make_turn(conversation=make_conversation(deleted_at=timezone.now()), total_seconds=99)

    assert raise_flags([turn.pk]) == 0


def test_sweep_dismisses_the_item_of_a_deleted_conversation():
    turn = make_turn(total_seconds=99)
    raise_flags([turn.pk])
    turn.conversation.deleted_at = timezone.now()
    turn.conversation.save()

    sweep_flags()

    assert ReviewItem.objects.get().status == "DISMISSED"


@pytest.mark.parametrize(
    ("name", "label", "reason"),
    [
        ("groundedness", "UNSUPPORTED", "NOT_GROUNDED"),
        ("groundedness", "PARTLY_SUPPORTED", "NOT_GROUNDED"),
        ("relevance", "NON_RELEVANT", "NOT_RELEVANT"),
        ("toxicity", "TOXIC", "TOXIC"),
        ("question_toxicity", "TOXIC", "TOXIC"),
        ("citation_accuracy", "WRONG", "WRONG_CITATION"),
    ],
)
def test_failing_label_of_a_proven_judge_flags(name, label, reason):
    turn = make_turn()
    score = make_verdict(label, name=name, turn=turn, proven=True)

    raise_flags([turn.pk])

    flag = turn.flags.get()
    assert (flag.reason, flag.score_id, flag.is_advisory) == (reason, score.pk, False)
    assert flag.detail == f"{name}_offline says {label}"
    assert ReviewItem.objects.count() == 1


@pytest.mark.parametrize(("name", "label"), [("relevance", "PARTLY_RELEVANT"), ("groundedness", "SUPPORTED")])
def test_other_labels_do_not(name, label):
    turn = make_turn()
    make_verdict(label, name=name, turn=turn, proven=True)

    assert raise_flags([turn.pk]) == 0


def test_advice_opens_nothing():
    turn = make_turn()
    make_verdict("UNSUPPORTED", turn=turn)

    assert raise_flags([turn.pk]) == 1
    assert flags_of(turn) == [("NOT_GROUNDED", True)]
    assert not ReviewItem.objects.exists()


def test_advice_sorts_an_item_that_is_there():
    turn = make_turn(total_seconds=99)
    raise_flags([turn.pk])
    make_verdict("UNSUPPORTED", turn=turn)

    raise_flags([turn.pk])

    assert ReviewItem.objects.get().priority == 1 + 4 / 2


def test_advice_from_before_counts_when_an_item_is_opened():
    turn = make_turn()
    make_verdict("UNSUPPORTED", turn=turn)
    raise_flags([turn.pk])
    make_feedback(turn=turn, value=Feedback.Value.DOWN)

    raise_flags([turn.pk])

    assert ReviewItem.objects.get().priority == 6 + 4 / 2


def test_advice_becomes_a_flag_when_its_judge_is_proven():
    turn = make_turn()
    score = make_verdict("UNSUPPORTED", turn=turn)
    raise_flags([turn.pk])
    JudgeVersion.objects.filter(pk=score.judge_version_id).update(standing="PROVEN")

    assert sweep_flags() == 0  # none is new
    assert flags_of(turn) == [("NOT_GROUNDED", False)]
    assert ReviewItem.objects.get().priority == 4


def test_flag_stays_when_its_judge_fails_later():
    turn = make_turn()
    score = make_verdict("UNSUPPORTED", turn=turn, proven=True)
    raise_flags([turn.pk])
    JudgeVersion.objects.filter(pk=score.judge_version_id).update(standing="ADVISORY")

    sweep_flags()

    assert flags_of(turn) == [("NOT_GROUNDED", False)]


def test_advice_that_a_person_has_seen_does_not_come_back():
    turn = make_turn()
    score = make_verdict("UNSUPPORTED", turn=turn)
    raise_flags([turn.pk])
    Flag.objects.update(settled_at=timezone.now())
    JudgeVersion.objects.filter(pk=score.judge_version_id).update(standing="PROVEN")

    sweep_flags()

    assert not ReviewItem.objects.exists()


def test_proven_judge_is_heard_before_a_newer_one():
    turn = make_turn()
    proven = make_verdict("UNSUPPORTED", turn=turn, proven=True)
    make_verdict("UNSUPPORTED", turn=turn)

    raise_flags([turn.pk])

    assert turn.flags.get().score_id == proven.pk


def test_verdict_without_value_and_verdict_on_the_conversation_flag_nothing():
    turn = make_turn()
    make_verdict(turn=turn, label="UNSUPPORTED", value=None, error="no reply", proven=True)
    make_verdict("BAD", name="session_quality", turn=turn, conversation=turn.conversation, proven=True)

    assert raise_flags([turn.pk]) == 0


def test_thumbs_up_on_what_a_judge_calls_wrong_is_a_disagreement():
    turn = make_turn()
    make_feedback(turn=turn, value=Feedback.Value.UP)
    make_verdict("NON_RELEVANT", name="relevance", turn=turn, proven=True)

    raise_flags([turn.pk])

    assert flags_of(turn) == [("DISAGREEMENT", False), ("NOT_RELEVANT", False)]
    assert turn.flags.get(reason="DISAGREEMENT").detail == "thumbs up, but relevance_offline says NON_RELEVANT"


def test_thumbs_down_on_what_judges_call_good_is_a_disagreement():
    turn = make_turn()
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    make_verdict("RELEVANT", name="relevance", turn=turn)
    make_verdict("SUPPORTED", turn=turn)
    make_verdict("NOT_TOXIC", name="toxicity", turn=turn, proven=True)

    raise_flags([turn.pk])

    assert flags_of(turn) == [("DISAGREEMENT", True), ("THUMBS_DOWN", False)]


def test_thumbs_down_on_what_one_judge_calls_bad_is_none():
    turn = make_turn()
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    make_verdict("RELEVANT", name="relevance", turn=turn)
    make_verdict("PARTLY_SUPPORTED", turn=turn)

    raise_flags([turn.pk])

    assert flags_of(turn) == [("NOT_GROUNDED", True), ("THUMBS_DOWN", False)]


def test_vote_taken_back_takes_its_flag_and_untouched_item_along():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user))
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    withdraw_feedback(turn=turn, user=user)
    raise_flags([turn.pk])

    assert not Flag.objects.exists()
    assert not ReviewItem.objects.exists()


def test_vote_taken_back_leaves_what_else_is_wrong():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user), total_seconds=99)
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    withdraw_feedback(turn=turn, user=user)
    sweep_flags()

    assert flags_of(turn) == [("SLOW", False)]
    assert ReviewItem.objects.get().priority == 1


def test_vote_taken_back_stays_a_reason_once_somebody_reviews_it():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user))
    make_feedback(turn=turn, value=Feedback.Value.DOWN, comment="No.")
    raise_flags([turn.pk])
    Review.objects.create(item=ReviewItem.objects.get(), reviewer=make_user(), reserved_until=timezone.now())

    withdraw_feedback(turn=turn, user=user)
    raise_flags([turn.pk])
    raise_flags([turn.pk])

    assert turn.flags.get().detail == f"No.; {TAKEN_BACK}"
    make_feedback(turn=turn, value=Feedback.Value.DOWN, comment="No, no.")
    assert raise_flags([turn.pk]) == 0
    assert turn.flags.get().detail == "No, no."


def test_new_flag_reopens_a_finished_item():
    conversation = make_conversation()
    first = make_turn(conversation=conversation, total_seconds=99)
    raise_flags([first.pk])
    Flag.objects.update(settled_at=timezone.now())
    ReviewItem.objects.update(status="RESOLVED", resolved_at=timezone.now())
    before = ReviewItem.objects.get()
    second = make_turn(conversation=conversation, status=Turn.Status.FAILED)

    raise_flags([first.pk, second.pk])

    item = ReviewItem.objects.get()
    assert (item.status, item.round, item.priority) == ("OPEN", 2, 2)
    assert item.opened_at > before.opened_at


def test_reopened_item_is_finished_again_when_its_reason_goes():
    user = make_user()
    turn = make_turn(conversation=make_conversation(user=user), total_seconds=99)
    raise_flags([turn.pk])
    Flag.objects.update(settled_at=timezone.now())
    ReviewItem.objects.update(status="RESOLVED", resolved_at=timezone.now())
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    withdraw_feedback(turn=turn, user=user)
    raise_flags([turn.pk])

    item = ReviewItem.objects.get()
    assert (item.status, item.round) == ("RESOLVED", 1)


def test_reason_counts_once_however_many_turns_have_it():
    conversation = make_conversation()
    turns = [make_turn(conversation=conversation, total_seconds=99) for _ in range(3)]

    assert raise_flags([turn.pk for turn in turns]) == 3
    assert ReviewItem.objects.get().priority == 1


def test_sample_is_about_its_share_and_stays_the_same(settings):
    settings.REVIEW_SAMPLE_RATE = 0.2
    conversation = make_conversation()
    config = make_turn(conversation=conversation).config
    turns = [make_turn(conversation=conversation, config=config, position=number) for number in range(2, 501)]

    drawn = raise_flags([turn.pk for turn in turns])

    assert 60 <= drawn <= 140  # 99.8, and more than four standard deviations (8.9) to each side
    assert set(Flag.objects.values_list("weight", flat=True)) == {5.0}
    assert raise_flags([turn.pk for turn in turns]) == 0


def test_higher_rate_draws_more_and_each_stands_for_fewer(settings):
    settings.REVIEW_SAMPLE_RATE = 0.2
    conversation = make_conversation()
    config = make_turn(conversation=conversation).config
    turns = [make_turn(conversation=conversation, config=config, position=number) for number in range(2, 101)]
    raise_flags([turn.pk for turn in turns])
    before = set(Flag.objects.values_list("turn_id", flat=True))
    settings.REVIEW_SAMPLE_RATE = 1.0

    raise_flags([turn.pk for turn in turns])

    assert before < set(Flag.objects.values_list("turn_id", flat=True))
    assert Flag.objects.filter(weight=1.0).count() == 99


def test_lower_rate_leaves_what_is_drawn(settings):
    settings.REVIEW_SAMPLE_RATE = 1.0
    turn = make_turn()
    raise_flags([turn.pk])
    settings.REVIEW_SAMPLE_RATE = 0.01

    raise_flags([turn.pk])

    assert turn.flags.get().weight == 1.0


@pytest.mark.parametrize(("rate", "wanted"), [(0.0, 1), (1.0, 2)])
def test_share_of_the_items_wants_two_reviewers(settings, rate, wanted):
    settings.REVIEW_DOUBLE_RATE = rate
    turn = make_turn(total_seconds=99)

    raise_flags([turn.pk])

    assert ReviewItem.objects.get().reviews_wanted == wanted


def test_sweep_looks_only_so_far_back(settings):
    settings.JUDGE_LOOKBACK_DAYS = 7
    turn = make_turn(total_seconds=99)
    Turn.objects.update(created_at=timezone.now() - timedelta(days=8))

    assert sweep_flags() == 0
    assert raise_flags([turn.pk]) == 1


def test_every_reason_has_a_rule_and_says_what_it_looks_for():
    assert set(RULES) == set(Flag.Reason)
    for rule in RULES.values():
        assert rule.looks_for.endswith(".")
        assert "{" not in rule.looks_for


def test_reasons_are_named_once_and_the_weightiest_first():
    turn = make_turn(total_seconds=99, removed_citations=1)
    make_feedback(turn=turn, value=Feedback.Value.DOWN)
    raise_flags([turn.pk])

    assert reasons_of([*turn.flags.all(), *turn.flags.all()]) == ["Thumbs down", "Wrong citation", "Slow"]


@pytest.mark.django_db(transaction=True)
def test_many_processes_at_once_raise_each_flag_once():
    turns = [make_turn(total_seconds=99, removed_citations=1) for _ in range(20)]
    raised: list[int] = []

    def run() -> None:
        raised.append(raise_flags([turn.pk for turn in turns]))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(raised) == 40
    assert Flag.objects.count() == 40
    assert ReviewItem.objects.count() == 20
