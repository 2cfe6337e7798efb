"""A judge held against people: which turns count, the figures (equal to scikit-learn's), and the gate."""

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from monitoring.judges.criteria import CRITERIA
from monitoring.models import JudgeVersion
from monitoring.quality.agreement import measure_agreement
from monitoring.quality.labelled import LabelledTurn, doubly_labelled, labelled_by_version, labelled_turns
from monitoring.quality.standing import SYSTEM_USERNAME, refresh_all, refresh_for_criteria, refresh_standing
from tests.factories import make_conversation, make_turn, make_user
from tests.quality_rows import label_turns, make_label, make_verdict, make_version

pytestmark = pytest.mark.django_db

GOOD, PARTLY, BAD = "SUPPORTED", "PARTLY_SUPPORTED", "UNSUPPORTED"
LABELS = (GOOD, PARTLY, BAD)


def _turns(pairs, size=1):
    return [LabelledTurn(number, number // size, judged, given) for number, (given, judged) in enumerate(pairs)]


def _measure(pairs, size=1, **options):
    return measure_agreement(_turns(pairs, size), CRITERIA["groundedness"], **options)


# Which turns count


def test_a_turn_counts_when_judge_and_reviewer_labelled_it(django_assert_num_queries):
    version, other = make_version(), make_version()
    both = label_turns(version, [(GOOD, BAD)])[0]
    label_turns(other, [(GOOD, GOOD), (BAD, BAD)])
    make_verdict(make_turn(), version, GOOD)
    make_label(make_turn(), GOOD)
    failed = make_turn()
    make_verdict(failed, version, "")
    make_label(failed, GOOD)

    with django_assert_num_queries(2):
        found = labelled_by_version([version, other])

    assert found[version.pk].turns == (LabelledTurn(both.pk, both.conversation_id, BAD, GOOD),)
    assert len(found[other.pk].turns) == 2


def test_a_turn_on_which_reviewers_disagree_is_counted_apart():
    version = make_version()
    agreed, disputed = label_turns(version, [(GOOD, GOOD), (GOOD, GOOD)])
    make_label(agreed, GOOD)
    make_label(disputed, BAD)

    labelled = labelled_turns(version)

    assert [turn.turn_id for turn in labelled.turns] == [agreed.pk]
    assert labelled.disputed == 1
    assert [(pair.first, pair.second) for pair in doubly_labelled("groundedness")] == [(GOOD, GOOD), (GOOD, BAD)]


def test_other_origins_and_other_criteria_do_not_count():
    version = make_version()
    label_turns(version, [(GOOD, GOOD)], origin="SYNTHETIC")
    label_turns(version, [(GOOD, GOOD)], origin="EVALUATION")
    label_turns(version, [(GOOD, GOOD)], origin="API")
    turn = make_turn()
    make_verdict(turn, version, GOOD)
    make_label(turn, "RELEVANT", name="relevance")

    assert len(labelled_turns(version).turns) == 1
    assert len(labelled_turns(version, origins=["SYNTHETIC"]).turns) == 1


def test_labels_of_a_deleted_conversation_still_count():
    version = make_version()
    conversation = make_conversation(deleted_at=timezone.now())
    label_turns(version, [(GOOD, GOOD)], conversation=conversation)

    assert len(labelled_turns(version).turns) == 1


# Figures


@pytest.mark.filterwarnings("ignore")  # scikit-learn's own
def test_figures_equal_those_of_scikit_learn():
    from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, recall_score

    random = np.random.default_rng(5)
    for n in (3, 20, 400):
        given = random.choice(LABELS, n, p=(0.6, 0.2, 0.2))
        judged = np.where(random.random(n) < 0.7, given, random.choice(LABELS, n))
        weights = random.random(n) + 0.5
        failing, called = given != GOOD, judged != GOOD
        for used in (None, weights):
            found = _measure(list(zip(given, judged, strict=True)), size=2, weights=used)
            expected = {
                "kappa": cohen_kappa_score(given, judged, labels=LABELS, sample_weight=used),
                "failing_kappa": cohen_kappa_score(failing, called, sample_weight=used),
                "sensitivity": recall_score(failing, called, sample_weight=used),
                "specificity": recall_score(failing, called, pos_label=False, sample_weight=used),
                "agreement": accuracy_score(given, judged, sample_weight=used),
            }
            values = {name: getattr(found, name).interval.value for name in expected}
            assert values == pytest.approx(expected, abs=1e-9)
            assert np.array_equal(found.confusion, confusion_matrix(given, judged, labels=LABELS))


def test_figures_by_hand():
    found = _measure([(BAD, BAD)] * 20 + [(BAD, GOOD)] * 5 + [(GOOD, BAD)] * 10 + [(GOOD, GOOD)] * 15)

    # Cohen's own textbook example: agreement 0.7, by chance 0.5
    assert found.kappa.interval.value == pytest.approx(0.4)
    assert found.sensitivity.interval.value == pytest.approx(0.8)
    assert found.specificity.interval.value == pytest.approx(0.6)
    assert found.agreement.interval.value == pytest.approx(0.7)
    assert found.confusion == ((15, 0, 10), (0, 0, 0), (5, 0, 20))
    assert (found.turns, found.failing_turns, found.conversations) == (50, 25, 50)
    # the large-sample standard error is 0.127 (Fleiss, Cohen and Everitt, 1969)
    assert found.kappa.interval.low == pytest.approx(0.4 - 1.96 * 0.127, abs=0.04)
    assert found.kappa.interval.high == pytest.approx(0.4 + 1.96 * 0.127, abs=0.04)


def test_turns_of_one_conversation_say_less_than_as_many_alone():
    pairs = ([(BAD, BAD)] * 5 + [(GOOD, GOOD)] * 5 + [(GOOD, BAD)] * 5) * 5

    alone, together = _measure(pairs).kappa.interval, _measure(pairs, size=5).kappa.interval

    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_without_labels_there_is_no_figure_but_a_reason():
    found = _measure([])

    for name in ("kappa", "failing_kappa", "sensitivity", "specificity", "agreement"):
        assert getattr(found, name).interval is None
        assert "No data" in getattr(found, name).reason


def test_labels_that_are_all_the_same_have_no_kappa():
    found = _measure([(GOOD, GOOD)] * 60)

    assert found.kappa.interval is None
    assert "chance alone" in found.kappa.reason
    assert found.sensitivity.interval is None
    assert found.sensitivity.reason == "People called no turn failing."
    assert found.specificity.interval.value == 1.0
    assert 0.9 < found.specificity.low < 1.0


def test_one_conversation_has_no_interval():
    found = _measure([(GOOD, GOOD), (BAD, BAD), (BAD, GOOD)], size=3)

    assert found.kappa.interval.low is None
    assert "one conversation" in found.kappa.reason


def test_perfect_agreement_of_few_is_not_certain():
    few, many = _measure([(GOOD, GOOD), (BAD, BAD)] * 10), _measure([(GOOD, GOOD), (BAD, BAD)] * 100)

    assert few.kappa.interval.value == many.kappa.interval.value == 1.0
    assert 0.5 < few.kappa.low < 0.8 < many.kappa.low < 1.0


def test_a_label_that_the_criterion_does_not_have_is_kept():
    found = _measure([(GOOD, "SO_SO"), (BAD, BAD)])

    assert found.labels == (*LABELS, "SO_SO")


# The gate


def _prove(version, count=60):
    label_turns(version, [(GOOD, GOOD), (GOOD, GOOD), (BAD, BAD)] * (count // 3))


def test_a_judge_is_advisory_until_enough_labels_agree(settings):
    version = make_version()
    _prove(version, 48)
    assert refresh_standing(version) == JudgeVersion.Standing.ADVISORY

    _prove(version, 3)

    assert refresh_standing(version) == JudgeVersion.Standing.PROVEN
    version.refresh_from_db()
    assert version.standing == JudgeVersion.Standing.PROVEN
    assert version.standing_checked_at is not None


def test_a_judge_that_agrees_by_chance_stays_advisory():
    version = make_version()
    label_turns(version, [(GOOD, GOOD), (GOOD, BAD), (BAD, BAD), (BAD, GOOD)] * 20)

    assert refresh_standing(version) == JudgeVersion.Standing.ADVISORY


def test_a_proven_judge_falls_when_people_disagree_and_history_says_so():
    version = make_version()
    _prove(version)
    assert refresh_all() == 1
    assert refresh_all() == 0
    label_turns(version, [(BAD, GOOD), (GOOD, BAD)] * 40)

    assert refresh_for_criteria(["relevance"]) == 0
    assert refresh_for_criteria(["groundedness"]) == 1

    version.refresh_from_db()
    assert version.standing == JudgeVersion.Standing.ADVISORY
    lines = LogEntry.objects.filter(object_id=str(version.pk)).order_by("pk")
    assert [line.get_change_message().partition(":")[0] for line in lines] == ["Proven", "Advisory"]
    assert lines[0].user.username == SYSTEM_USERNAME
    assert not lines[0].user.is_active
    assert not lines[0].user.has_usable_password()


def test_what_reviewers_do_not_label_stays_advisory():
    assert refresh_standing(make_version(criterion="answer_similarity")) == JudgeVersion.Standing.ADVISORY
    assert refresh_standing(make_version(criterion="no such criterion")) == JudgeVersion.Standing.ADVISORY


def test_two_reviewers_who_agree_count_once():
    version = make_version()
    turn = label_turns(version, [(BAD, BAD)])[0]
    make_label(turn, BAD, reviewer=make_user())

    assert len(labelled_turns(version).turns) == 1
