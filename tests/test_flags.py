"""Flag rules: what they find, what opens the queue and what only sorts it."""

import pytest
from django.utils import timezone

from chat.models import Feedback, Turn
from monitoring.flags.raising import raise_flags, reasons_of, sweep_flags
from monitoring.flags.rules import RULES
from monitoring.models import Flag, JudgeVersion, ReviewItem
from tests.factories import make_conversation, make_feedback, make_turn
from tests.flagged import flags_of
from tests.review_rows import make_verdict

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_sample(settings) -> None:
    settings.REVIEW_SAMPLE_RATE = 0.0
    settings.REVIEW_DOUBLE_RATE = 0.0


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
